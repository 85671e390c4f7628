import { describe, expect, test } from "bun:test";
import { type IdempotentRequest, once } from "../../src/admin/idempotency.ts";
import { GatewayError } from "../../src/errors/gateway-error.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { tenant } from "./store-fixture.ts";

/** Requests sent again, on the store's own keys. */
export function idempotencyContract(store: () => OperatedStore): void {
  const keys = () => store().idempotencyKeys;
  const requestOf = ({ organizationId }: { organizationId: string }): IdempotentRequest => ({
    organizationId,
    principalId: "key:a",
    name: "k-1",
    route: "POST /gateway/servers",
    body: '{"name":"github"}',
    at: Date.now(),
  });
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (thrown: unknown) => GatewayError.from(thrown).code,
    );

  describe("idempotency keys", () => {
    test("of twenty equal requests at once one runs; afterwards all get its answer", async () => {
      const request = requestOf(await tenant(store()));
      let runs = 0;
      const run = async () => {
        runs++;
        await Bun.sleep(20);
        return { secret: "shown once", n: runs };
      };
      const ends = await Promise.allSettled(Array.from({ length: 20 }, () => once(keys(), request, run)));
      expect(runs).toBe(1);
      for (const end of ends) {
        if (end.status === "rejected")
          expect(GatewayError.from(end.reason).code).toBe("idempotency_key_unanswered");
        else expect(end.value.answer).toEqual({ secret: "shown once", n: 1 });
      }
      expect(await once(keys(), request, run)).toEqual({
        answer: { secret: "shown once", n: 1 },
        isReplay: true,
      });
      expect(runs).toBe(1);
    });

    test("a name belongs to its request, its principal and its organisation", async () => {
      const [a, b] = [await tenant(store()), await tenant(store())];
      const run = (value: string) => () => Promise.resolve(value);
      const request = requestOf(a);
      await once(keys(), request, run("first"));
      expect(await failure(once(keys(), { ...request, body: "{}" }, run("x")))).toBe(
        "idempotency_key_reused",
      );
      expect(await failure(once(keys(), { ...request, route: "POST /x" }, run("x")))).toBe(
        "idempotency_key_reused",
      );
      expect((await once(keys(), { ...request, principalId: "key:b" }, run("other"))).answer).toBe("other");
      expect((await once(keys(), requestOf(b), run("elsewhere"))).answer).toBe("elsewhere");
      expect(await failure(once(keys(), { ...request, name: "a b" }, run("x")))).toBe("invalid_request");
    });

    test("a refused request frees its name, one that failed inside keeps it", async () => {
      const request = requestOf(await tenant(store()));
      const fail = (code: "already_exists" | "internal") => () => Promise.reject(new GatewayError(code));
      expect(await failure(once(keys(), request, fail("already_exists")))).toBe("already_exists");
      expect(await failure(once(keys(), request, fail("internal")))).toBe("internal");
      let ran = false;
      const again = once(keys(), request, async () => {
        ran = true;
      });
      expect(await failure(again)).toBe("idempotency_key_unanswered");
      expect(ran).toBe(false);
      expect(await keys().forget(request.at + 1, 100)).toBeGreaterThanOrEqual(1);
      expect((await once(keys(), request, () => Promise.resolve("anew"))).answer).toBe("anew");
    });
  });
}
