import { describe, expect, test } from "bun:test";
import type { Authenticator } from "../../model/ports/authenticator.ts";
import { samplePrincipal } from "../../model/sample-exchange.testing.ts";
import { arrivalOf, verdict } from "../arrival.testing.ts";
import { authenticatePolicy } from "./authenticate.ts";
import { FailureMeter } from "./failure-meter.ts";

const HEAD_BYTES = 32 * 1_024;
const SECRET = "mgw_good-credential-0123456789";
const known = samplePrincipal();
const anonymous = samplePrincipal({ id: "anonymous", kind: "anonymous" });

function door(options: { anonymous?: boolean; later?: boolean } = {}) {
  const asked: string[] = [];
  const failures: boolean[] = [];
  const authenticator: Authenticator = {
    authenticate: (credential) => {
      asked.push(credential);
      const found = credential === SECRET ? known : undefined;
      return options.later === true ? Promise.resolve(found) : found;
    },
  };
  const policy = authenticatePolicy<string>({
    authenticator,
    anonymous: options.anonymous === true ? anonymous : undefined,
    failures: new FailureMeter({ now: () => 0 }, 3),
    onFailure: (_arrival, presented) => failures.push(presented),
  });
  const at = async (headers: Record<string, string>, over: Parameters<typeof arrivalOf>[1] = {}) => {
    const arrival = arrivalOf(headers, over);
    const result = await verdict(() => policy(arrival, () => "served"));
    return result === "passed" ? (arrival.principal?.id ?? "nobody") : result;
  };
  return { at, asked, failures };
}

describe("credentials", () => {
  test.each([
    ["Bearer", { authorization: `Bearer ${SECRET}` }],
    ["bearer in lower case, with spaces around", { authorization: `bearer   ${SECRET} ` }],
    ["X-API-Key", { "x-api-key": SECRET }],
  ])("%s is taken", async (_what, headers) => {
    expect(await door().at(headers as never)).toBe(known.id);
    expect(await door({ later: true }).at(headers as never)).toBe(known.id);
  });

  test.each([
    ["nothing", {}],
    ["another scheme", { authorization: `Basic ${SECRET}` }],
    ["no scheme", { authorization: SECRET }],
    ["an empty credential", { authorization: "Bearer " }],
    ["a wrong one", { authorization: "Bearer wrong" }],
    ["a good key beside a wrong Authorization", { authorization: "Bearer wrong", "x-api-key": SECRET }],
    ["a cookie", { cookie: `token=${SECRET}` }],
  ])("%s is not", async (_what, headers) => {
    expect(await door().at(headers as never)).toBe("unauthenticated");
    expect(await door({ later: true }).at(headers as never)).toBe("unauthenticated");
  });

  test("nor one in the URL, and one too long is not even looked at", async () => {
    const { at, asked } = door();
    const request = new Request(`http://gateway.test/mcp?api_key=${SECRET}&access_token=${SECRET}`);
    expect(await at({}, { request })).toBe("unauthenticated");
    expect(await at({ "x-api-key": "x".repeat(8_193) })).toBe("unauthenticated");
    expect(asked).toEqual([]);
  });

  test("one that works is kept without the head it came in", async () => {
    const policy = authenticatePolicy<string>({
      authenticator: { authenticate: () => known },
      anonymous: undefined,
      failures: new FailureMeter({ now: () => 0 }, 3),
      onFailure: () => {},
    });
    const { request } = arrivalOf();
    const served = (count: number) => {
      for (let index = 0; index < count; index++) {
        const line = `Bearer ${String(index).padStart(64, "0")}`;
        const authorization = Buffer.alloc(HEAD_BYTES, line).toString("latin1").slice(0, line.length);
        const get = (name: string) => (name === "authorization" ? authorization : null);
        policy({ ...arrivalOf(), request: { ...request, headers: { get } } as never }, () => "served");
      }
      Bun.gc(true);
      return process.memoryUsage().rss;
    };
    const before = served(1_000);
    expect(served(9_000) - before).toBeLessThan((8_000 * HEAD_BYTES) / 2);
  });

  test("an open route asks for none and looks at none", async () => {
    const { at, asked } = door();
    expect(await at({ authorization: "Bearer wrong" }, { credential: "none" })).toBe("nobody");
    expect(asked).toEqual([]);
  });

  test("no error says anything of the credential", async () => {
    const policy = authenticatePolicy<string>({
      authenticator: { authenticate: () => undefined },
      anonymous: undefined,
      failures: new FailureMeter({ now: () => 0 }, 1),
      onFailure: () => {},
    });
    for (let i = 0; i < 2; i++) {
      const arrival = arrivalOf({ authorization: "Bearer secret-credential-77" });
      const thrown = await Promise.resolve()
        .then(() => policy(arrival, () => "served"))
        .catch((error: unknown) => error);
      expect(thrown).toBeInstanceOf(Error);
      expect(Bun.inspect(thrown)).not.toContain("secret-credential-77");
    }
  });
});

describe("too many failures", () => {
  test("an address has to wait before its next credential is looked at, a good one too; others need not", async () => {
    const { at, asked, failures } = door();
    for (let i = 0; i < 3; i++) expect(await at({ "x-api-key": "wrong" })).toBe("unauthenticated");
    expect(failures).toEqual([true, true, true]);
    expect(await at({ "x-api-key": SECRET })).toBe("too_many_failures");
    expect(asked).toHaveLength(3);
    expect(await at({ "x-api-key": SECRET }, { peerAddress: "198.51.100.1" })).toBe(known.id);
  });

  test("asking without a credential is no attempt", async () => {
    const { at, failures } = door();
    for (let i = 0; i < 5; i++) expect(await at({})).toBe("unauthenticated");
    expect(failures).toEqual([false, false, false, false, false]);
    expect(await at({ "x-api-key": SECRET })).toBe(known.id);
  });
});

describe("anonymous mode", () => {
  test("is for loopback peers that nobody forwarded", async () => {
    const { at } = door({ anonymous: true });
    for (const peerAddress of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
      expect(await at({}, { peerAddress })).toBe("anonymous");
    }
    for (const peerAddress of ["192.168.0.2", "::ffff:10.0.0.1", ""]) {
      expect(await at({}, { peerAddress })).toBe("unauthenticated");
    }
  });

  test.each([
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "cf-connecting-ip",
    "X-Forwarded-For",
  ])("a request with %s was forwarded", async (name) => {
    expect(await door({ anonymous: true }).at({ [name]: "127.0.0.1" })).toBe("unauthenticated");
  });

  test("a wrong credential does not fall back to it, and a good one is who it says", async () => {
    const { at } = door({ anonymous: true });
    expect(await at({ authorization: "Bearer wrong" })).toBe("unauthenticated");
    expect(await at({ "x-api-key": SECRET })).toBe(known.id);
  });

  test("is off unless switched on", async () => {
    expect(await door().at({})).toBe("unauthenticated");
  });
});
