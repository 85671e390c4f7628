import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AdminClient, AdminProblem } from "../../src/client/admin-client.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";

let gateway: Gateway;
let operator: AdminClient;
let acme: AdminClient;

const problem = (promise: Promise<unknown>): Promise<AdminProblem> =>
  promise.then(
    () => {
      throw new Error("it was answered");
    },
    (thrown: unknown) => {
      if (thrown instanceof AdminProblem) return thrown;
      throw thrown;
    },
  );

beforeAll(async () => {
  gateway = await startGateway({ servers: [], anonymous: false });
  const key = await bootstrapKey(gateway);
  operator = new AdminClient(`${gateway.origin}/`, () => key);
  await operator.call("organizations-create", { body: { slug: "acme", name: "Acme", max_servers: 100 } });
  const other = await gateway.mintKey("--name", "acme", "--role", "admin", "--organization", "acme");
  acme = new AdminClient(gateway.origin, () => Promise.resolve(other));
}, 30_000);
afterAll(() => gateway?.stop());

describe("the typed client", () => {
  test("creates once, reads, changes by ETag, removes; a problem has its code", async () => {
    const body = { name: "tickets", type: "streamable-http", url: "http://127.0.0.1:9/mcp" } as const;
    const created = await operator.reply("servers-create", { body, idempotencyKey: "t-1" });
    expect([created.status, created.answer.name]).toEqual([201, "tickets"]);
    expect((await operator.call("servers-create", { body, idempotencyKey: "t-1" })).id).toBe(
      created.answer.id,
    );
    const params = { id: created.answer.id };
    const ifMatch = created.etag as string;
    const changed = await operator.call("servers-update", { params, body: { description: "x" }, ifMatch });
    expect(changed.description).toBe("x");
    let shown = await operator.reply("servers-get", { params });
    let again: typeof shown | undefined = shown;
    // It is looked for in the meantime, so that its state may change between two readings.
    for (let n = 0; n < 50 && again !== undefined; n++) {
      shown = again;
      again = await operator.replyUnless(shown.etag as string, "servers-get", { params });
    }
    expect(again).toBeUndefined();
    expect((await operator.replyUnless(ifMatch, "servers-get", { params }))?.answer.description).toBe("x");
    const stale = await problem(
      operator.call("servers-update", { params, body: { description: "y" }, ifMatch }),
    );
    expect([stale.status, stale.code]).toEqual([412, "precondition_failed"]);
    expect(stale.correlationId).toBeString();
    const foreign = await problem(acme.call("servers-get", { params }));
    const missing = await problem(acme.call("servers-get", { params: { id: Bun.randomUUIDv7() } }));
    expect([foreign.status, foreign.code, foreign.message]).toEqual([404, missing.code, missing.message]);
    expect(await operator.call("servers-delete", { params })).toBeUndefined();
    expect((await problem(operator.call("servers-get", { params }))).code).toBe("not_found");
  });

  test("gives every item of a list, however many pages it has, of its own organisation", async () => {
    const slugs = ["a", "b", "c", "d", "e"];
    for (const slug of slugs) await acme.call("namespaces-create", { body: { slug } });
    const found: string[] = [];
    for await (const { slug } of acme.items("namespaces-list", { query: { limit: 2 } })) found.push(slug);
    expect(found.toSorted()).toEqual(["a", "b", "c", "d", "default", "e"]);
    for await (const { slug } of operator.items("namespaces-list", {})) expect(slugs).not.toContain(slug);
  });

  test("hands over an export as it comes", async () => {
    const exported = await operator.send("logs", { query: { kind: "event", format: "csv" } });
    expect(await exported.text()).toStartWith("kind,id,at,");
  });

  test("says so where something else answers", async () => {
    const wrong = new AdminClient(gateway.origin, () => "mgw_wrong");
    const refused = await problem(wrong.call("namespaces-list", {}));
    expect([refused.status, refused.code]).toEqual([401, "unauthenticated"]);
    const proxy = new AdminClient(
      gateway.origin,
      () => "k",
      () => Promise.resolve(new Response("<h1>Bad gateway</h1>", { status: 502 })),
    );
    const answer = await problem(proxy.call("namespaces-list", {}));
    expect([answer.status, answer.code]).toEqual([502, "http"]);
  });
});
