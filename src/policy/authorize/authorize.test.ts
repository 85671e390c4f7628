import { expect, test } from "bun:test";
import type { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import { InProcessUpstream } from "../../model/ports/in-process-upstream.testing.ts";
import { sampleExchange, samplePrincipal, sampleServer } from "../../model/sample-exchange.testing.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import { authorizePolicy } from "./authorize.ts";
import { PermissionCache } from "./permission-cache.ts";

const server = sampleServer("github");
const upstream = new InProcessUpstream(server, {});
const ok: Outcome = { kind: "result", result: {}, exact: false };
const target = (kind: Target["kind"], name: string): Target => ({
  kind,
  server,
  upstream,
  name,
  definition: undefined,
  repeatable: false,
});

/** The answer to a request, forbidden or unknown, as a client would see it. */
async function answer(method: string, params: JsonObject, found: Target | undefined, permissions: string[]) {
  const exchange: Exchange = sampleExchange({ method, params, principal: samplePrincipal({ permissions }) });
  exchange.target = found;
  try {
    await authorizePolicy(new PermissionCache())(exchange, () => ok);
    return exchange.target === undefined ? "passed without a target" : "passed";
  } catch (thrown) {
    const { code, message, data, rpcCode, httpStatus } = thrown as GatewayError;
    return JSON.stringify({ code, message, data, rpcCode, httpStatus });
  }
}

test.each([
  ["tools/call", "tool", (name: string) => ({ name, arguments: { a: 1 } })],
  ["prompts/get", "prompt", (name: string) => ({ name })],
  ["resources/read", "resource", (uri: string) => ({ uri })],
] as const)("%s: forbidden reads as unknown, byte for byte but the name", async (method, kind, params) => {
  const forbidden = await answer(method, params("x://AAAA"), target(kind, "x://AAAA"), ["gitlab:*"]);
  const unknown = await answer(method, params("x://BBBB"), undefined, ["gitlab:*"]);
  expect(forbidden).toContain("AAAA");
  expect(forbidden.replaceAll("AAAA", "BBBB")).toBe(unknown);
  expect(forbidden).not.toContain("github");
  expect(await answer(method, params("x://AAAA"), target(kind, "x://AAAA"), ["github:*"])).toBe("passed");
});

test("a forbidden extension goes on without its target, as an unknown method does", async () => {
  expect(await answer("acme/run", {}, target("extension", "acme/run"), ["*"])).toBe(
    "passed without a target",
  );
  expect(await answer("acme/run", {}, target("extension", "acme/run"), ["github:extension:acme/*"])).toBe(
    "passed",
  );
  expect(
    await answer("acme/other", {}, target("extension", "acme/other"), ["github:extension:acme/run"]),
  ).toBe("passed without a target");
});

test("lists have no target and pass", async () => {
  expect(await answer("tools/list", {}, undefined, [])).toBe("passed without a target");
});
