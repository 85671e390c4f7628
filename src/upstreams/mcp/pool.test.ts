import { afterEach, describe, expect, test } from "bun:test";
import type { JsonObject } from "../../protocol/json-value.ts";
import { CATALOG_CAPABILITIES } from "./capabilities.ts";
import {
  answer,
  type CallChanges,
  closeAll,
  codeOf,
  makeUpstream,
  type Received,
  scripted,
  soundLegacy,
  started,
  textOf,
  toolCall,
  type UpstreamChanges,
  until,
} from "./upstream-harness.testing.ts";

afterEach(closeAll);

/** A legacy server whose tool tells which session it was called in. */
async function sessions(changes: UpstreamChanges = {}, delayMs = 0) {
  const peer = scripted(async (received) => {
    if (received.method === "initialize") await Bun.sleep(delayMs);
    if (received.method !== "tools/call") return soundLegacy(received);
    const text = received.headers.get("mcp-session-id");
    return answer(received.id, { content: [{ type: "text", text }] });
  });
  const upstream = await started(makeUpstream(peer.url, { protocol: "legacy", ...changes }));
  const sessionOf = async (call: CallChanges) => textOf(await upstream.call(toolCall("x", {}, call)));
  return { peer, upstream, sessionOf };
}
const inits = (seen: readonly Received[]) => seen.filter(({ method }) => method === "initialize");

const elicits: JsonObject = { elicitation: { form: {} } };

describe("who shares a session", () => {
  test("shared: everybody with the same capability set", async () => {
    const { sessionOf, upstream } = await sessions({ sharing: "shared" });
    const a = await sessionOf({ principalId: "a" });
    expect(await sessionOf({ principalId: "b", client: { sessionId: "s2" } })).toBe(a);
    expect(await sessionOf({ client: { capabilities: { experimental: { x: {} } } } })).toBe(a);
    expect(await sessionOf({ client: { capabilities: elicits } })).not.toBe(a);
    expect(await sessionOf({ client: { capabilities: { elicitation: {} } } })).toBe(
      await sessionOf({ client: { capabilities: elicits } }),
    );
    expect(upstream.state.sessions).toBe(2);
  });

  test("per_principal: one principal, across its client sessions", async () => {
    const { sessionOf } = await sessions({ sharing: "per_principal" });
    const a = await sessionOf({ principalId: "a", client: { sessionId: "s1" } });
    expect(await sessionOf({ principalId: "a", client: { sessionId: "s2" } })).toBe(a);
    expect(await sessionOf({ principalId: "b", client: { sessionId: "s1" } })).not.toBe(a);
  });

  test("changed roots are told to the sessions of their owner alone", async () => {
    const roots: JsonObject = { roots: { listChanged: true } };
    const { peer, upstream, sessionOf } = await sessions({ sharing: "per_principal" });
    const told = () =>
      peer.seen
        .filter(({ method }) => method === "notifications/roots/list_changed")
        .map(({ headers }) => headers.get("mcp-session-id"));
    const a = await sessionOf({ principalId: "a", client: { sessionId: "s1", capabilities: roots } });
    await sessionOf({ principalId: "b", client: { sessionId: "s2", capabilities: roots } });
    upstream.rootsChanged({ principalId: "a", sessionId: "s1" });
    await until(() => told().length > 0);
    expect(told()).toEqual([a]);
  });

  test("per_session: one client session of one principal; modern clients share by principal", async () => {
    const { sessionOf } = await sessions({ sharing: "per_session" });
    const s1 = await sessionOf({ principalId: "a", client: { sessionId: "s1" } });
    expect(await sessionOf({ principalId: "a", client: { sessionId: "s1" } })).toBe(s1);
    expect(await sessionOf({ principalId: "a", client: { sessionId: "s2" } })).not.toBe(s1);
    expect(await sessionOf({ principalId: "b", client: { sessionId: "s1" } })).not.toBe(s1);
    const modern = await sessionOf({ principalId: "a" });
    expect(await sessionOf({ principalId: "a" })).toBe(modern);
    expect(modern).not.toBe(s1);
  });

  test("names cannot be composed into another's key", async () => {
    const { sessionOf } = await sessions({ sharing: "per_session" });
    const one = await sessionOf({ principalId: 'a","b', client: { sessionId: "c" } });
    expect(await sessionOf({ principalId: "a", client: { sessionId: 'b","c' } })).not.toBe(one);
  });

  test("the catalog's session is taken over by the first whose capability set equals it, and by nobody else", async () => {
    const { sessionOf, peer } = await sessions({ sharing: "per_principal" });
    const full = { capabilities: CATALOG_CAPABILITIES };
    const a = await sessionOf({ principalId: "a", client: full });
    expect(inits(peer.seen).length).toBe(1);
    await until(() => peer.seen.some(({ method }) => method === "notifications/roots/list_changed"));
    expect(await sessionOf({ principalId: "b", client: full })).not.toBe(a);
    expect(await sessionOf({ principalId: "a", client: full })).toBe(a);
    expect(inits(peer.seen).length).toBe(2);
  });
});

describe("bounds", () => {
  test("many calls that need a new session at once open one", async () => {
    const { sessionOf, peer } = await sessions({}, 30);
    const found = await Promise.all(Array.from({ length: 20 }, () => sessionOf({ principalId: "a" })));
    expect(new Set(found).size).toBe(1);
    expect(inits(peer.seen).length).toBe(2);
  });

  test("at the maximum one more is upstream_busy; those there go on", async () => {
    const { sessionOf, upstream } = await sessions({
      sharing: "per_principal",
      deps: { limits: { sessionsMax: 2 } },
    });
    const a = await sessionOf({ principalId: "a" });
    await sessionOf({ principalId: "b" });
    expect(await codeOf(upstream.call(toolCall("x", {}, { principalId: "c" })))).toBe("upstream_busy");
    expect(await sessionOf({ principalId: "a" })).toBe(a);
    expect(upstream.state.breaker).toBe("closed");
  });

  test("an idle session is closed with DELETE; the next call opens another", async () => {
    const { sessionOf, peer, upstream } = await sessions({ deps: { limits: { sessionIdleMs: 60 } } });
    const a = await sessionOf({});
    await until(() =>
      peer.seen.some(({ http, headers }) => http === "DELETE" && headers.get("mcp-session-id") === a),
    );
    expect(upstream.state.sessions).toBe(0);
    expect(await sessionOf({})).not.toBe(a);
  });

  test("a session that cannot be opened is tried again by the next call", async () => {
    let refuse = true;
    const peer = scripted((received) => {
      if (received.method === "initialize" && peer.seen.length > 5 && refuse)
        return new Response("no", { status: 503 });
      return soundLegacy(received);
    });
    const upstream = await started(makeUpstream(peer.url, { protocol: "legacy", maxRetries: 0 }));
    await until(() => peer.seen.length >= 4);
    while (peer.seen.length <= 5) await fetch(peer.url, { method: "POST", body: "{}" });
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_refused");
    refuse = false;
    expect(textOf(await upstream.call(toolCall("x", { n: 1 })))).toBe('{"n":1}');
  });
});
