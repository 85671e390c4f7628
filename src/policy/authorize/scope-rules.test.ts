import { expect, test } from "bun:test";
import type { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import { InProcessUpstream } from "../../model/ports/in-process-upstream.testing.ts";
import type { Principal } from "../../model/principal.ts";
import { sampleExchange, samplePrincipal, sampleServer } from "../../model/sample-exchange.testing.ts";
import { authorizePolicy } from "./authorize.ts";
import { PermissionCache } from "./permission-cache.ts";
import { type ScopeRuleSettings, ScopeRules } from "./scope-rules.ts";

const server = sampleServer("files");
const upstream = new InProcessUpstream(server, {});
const ok: Outcome = { kind: "result", result: {}, exact: false };
const found = (kind: Target["kind"], name: string): Target => ({
  kind,
  server,
  upstream,
  name,
  definition: undefined,
  repeatable: false,
});
const rulesOf = (over: Partial<ScopeRuleSettings> = {}) =>
  new ScopeRules(
    {
      permissions: { "files:read_*": ["read", "disk"], "files:resource:file:*": ["read"] },
      scopeMode: "any",
      defaultScope: undefined,
      ...over,
    },
    { url: "http://gateway.test", issuers: ["https://issuer.test"] },
  );

interface Asked {
  readonly method?: string;
  readonly text: string;
  readonly target?: Target;
  readonly own?: boolean;
  readonly caller?: Partial<Principal>;
  readonly rules?: ScopeRules;
}

/** What a client sees, with the asked name replaced, so that answers can be compared. */
async function answer({
  method = "tools/call",
  text,
  target,
  own = false,
  caller,
  rules = rulesOf(),
}: Asked) {
  const params = method === "resources/read" ? { uri: text } : { name: text };
  const principal = samplePrincipal({ permissions: [], scopes: [], permissionKey: "scoped", ...caller });
  const plain = sampleExchange({ method, params, principal });
  const exchange: Exchange = own ? { ...plain, endpoint: { ...plain.endpoint, server } } : plain;
  exchange.target = target;
  try {
    await authorizePolicy(new PermissionCache(undefined, () => rules))(exchange, () => ok);
    return "passed";
  } catch (thrown) {
    const { code, message, data, rpcCode, httpStatus, headers } = thrown as GatewayError;
    return JSON.stringify({ code, message, data, rpcCode, httpStatus, headers }).replaceAll(text, "NAME");
  }
}

test.each([
  ["a tool by its wire name", "tools/call", "tool", "files__read_a", "read_a", "files__read_z", false],
  ["a tool by its identity", "tools/call", "tool", "files:read_a", "read_a", "files:read_z", false],
  ["a tool at its server's endpoint", "tools/call", "tool", "read_a", "read_a", "read_z", true],
  [
    "a wire name at the server's endpoint",
    "tools/call",
    "tool",
    "files__read_a",
    "read_a",
    "files__read_z",
    true,
  ],
  [
    "a tool renamed on the wire",
    "tools/call",
    "tool",
    "files__read_a_b",
    "read_a.b",
    "files__read_a_z",
    false,
  ],
  ["a resource", "resources/read", "resource", "file:///a", "file:///a", "file:///z", false],
  [
    "a resource at its server's endpoint",
    "resources/read",
    "resource",
    "file:///a",
    "file:///a",
    "file:///z",
    true,
  ],
] as const)("%s is answered as a name nobody has", async (_, method, kind, text, name, unlisted, own) => {
  const hidden = await answer({ method, text, target: found(kind, name), own });
  expect(hidden).toContain("insufficient_scope");
  expect(hidden).toBe(await answer({ method, text: unlisted, own }));
});

test("a pattern over names that the wire changes tells nothing of what is there", async () => {
  const rules = rulesOf({ permissions: { "files:read.*": ["read"] } });
  const hidden = await answer({ text: "files__read_a", target: found("tool", "read.a"), rules });
  expect(hidden).toBe(await answer({ text: "files__read_z", rules }));
});

test("with scope_mode all every needed scope is named, those held too, or a new token would lose them", async () => {
  const rules = rulesOf({ scopeMode: "all" });
  const refused = await answer({ text: "files:read_a", caller: { scopes: ["disk"] }, rules });
  expect(refused).toContain('scope=\\"read disk\\"');
  const held = await answer({ text: "files:read_a", caller: { scopes: ["disk", "read"] }, rules });
  expect(held).toContain("tool_unknown");
});

test("where a role forbids the call no scope is asked for", async () => {
  expect(await answer({ text: "files:read_a", caller: { role: "viewer" } })).toContain("tool_unknown");
  const read = {
    method: "resources/read",
    text: "file:///a",
    own: true,
    caller: { role: "viewer" },
  } as const;
  expect(await answer(read)).toContain("insufficient_scope");
});

test("what no pattern names: unknown, or the default scope", async () => {
  expect(await answer({ text: "files:write" })).toContain("tool_unknown");
  const rules = rulesOf({ defaultScope: "all-else" });
  const target = found("tool", "write");
  expect(await answer({ text: "files:write", target, rules })).toContain('scope=\\"all-else\\"');
  const caller = { scopes: ["all-else"] };
  expect(await answer({ text: "files:write", target, rules, caller })).toBe("passed");
});

test("patterns of acts of administration say nothing of a server, whatever its name", async () => {
  const rules = rulesOf({ permissions: { "admin:*": ["all"], "admin:user.create": ["users"] } });
  expect(await answer({ text: "admin__user.create", rules })).toContain("tool_unknown");
  expect(rules.missingOfServer([], "default", "admin")).toEqual([]);
  expect(rules.missingOfAct([], "user.create")).toEqual(["all", "users"]);
  expect(rules.missingOfAct(["users"], "user.create")).toEqual([]);
});

test("callers without scopes are asked for none", async () => {
  const caller = { scopes: undefined };
  expect(await answer({ text: "files:read_a", target: found("tool", "read_a"), caller })).toContain(
    "tool_unknown",
  );
});
