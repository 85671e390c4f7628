import { afterEach, describe, expect, test } from "bun:test";
import {
  answer,
  closeAll,
  codeOf,
  eventStream,
  failure,
  makeUpstream,
  type Received,
  scripted,
  soundLegacy,
  started,
  textOf,
  toolCall,
  until,
} from "./upstream-harness.testing.ts";

afterEach(closeAll);

const methods = (seen: readonly Received[]) => seen.map(({ method, http }) => method ?? http);

describe("which era a server speaks (2026-07-28, basic/versioning)", () => {
  test("a discovery that names the revision is modern, as JSON or as a stream", async () => {
    const peer = scripted(({ method, id }) => {
      if (method !== "server/discover") return undefined;
      const stream = eventStream();
      stream.send({
        jsonrpc: "2.0",
        id,
        result: { supportedVersions: ["2026-07-28", "2025-11-25"], capabilities: { tools: {} } },
      });
      stream.end();
      return stream.response;
    });
    const upstream = await started(makeUpstream(peer.url));
    expect(upstream.state).toMatchObject({ era: "modern", revision: "2026-07-28" });
    expect(methods(peer.seen)).not.toContain("initialize");
  });

  const legacySigns: Record<string, (id: unknown) => Response> = {
    "400 without a session": () => failure(null, -32000, "Bad Request: Server not initialized", 400),
    "method not found at 200": (id) => failure(id, -32601, "Method not found"),
    "404": () => new Response("Not Found", { status: 404 }),
    "405": () => new Response(null, { status: 405 }),
    "415": () => new Response(null, { status: 415 }),
    "another revision only": (id) => answer(id, { supportedVersions: ["2027-01-01"], capabilities: {} }),
    "unsupported version": (id) =>
      failure(id, -32022, "no", 400, { supported: ["2025-11-25"], requested: "2026-07-28" }),
    "HTML at 200": () => new Response("<html>", { headers: { "content-type": "text/html" } }),
    "202": () => new Response(null, { status: 202 }),
  };
  for (const [name, sign] of Object.entries(legacySigns)) {
    test(`legacy after: ${name}`, async () => {
      const peer = scripted((received) =>
        received.method === "server/discover" ? sign(received.id) : soundLegacy(received),
      );
      const upstream = await started(makeUpstream(peer.url));
      expect(upstream.state.era).toBe("legacy");
      expect(textOf(await upstream.call(toolCall("echo", { a: 1 })))).toBe('{"a":1}');
    });
  }

  test("a legacy server that says nothing to what it does not know", async () => {
    const peer = scripted((received) =>
      received.method === "server/discover" ? new Promise<Response>(() => {}) : soundLegacy(received),
    );
    const upstream = makeUpstream(peer.url, { deps: { limits: { connectTimeoutMs: 300 } } });
    expect((await started(upstream)).state.era).toBe("legacy");
  });

  test.each([401, 403, 429, 500, 503])(
    "HTTP %d is no evidence: failed, with the status, and nothing else is tried",
    async (status) => {
      const peer = scripted(() => new Response("no", { status }));
      const upstream = await started(makeUpstream(peer.url), "failed");
      expect(upstream.state.reason).toContain(`HTTP ${status}`);
      expect(upstream.state.retryAt).toBeGreaterThan(Date.now() - 1000);
      expect(upstream.state.era).toBeUndefined();
      expect(new Set(methods(peer.seen))).toEqual(new Set(["server/discover"]));
    },
  );

  test("`protocol` forces the era", async () => {
    const both = scripted((received) =>
      received.method === "initialize" ? soundLegacy(received) : undefined,
    );
    expect((await started(makeUpstream(both.url, { protocol: "legacy" }))).state.era).toBe("legacy");
    expect(methods(both.seen)).not.toContain("server/discover");
    const old = scripted(soundLegacy);
    const forced = await started(makeUpstream(old.url, { protocol: "modern" }), "failed");
    expect(forced.state.reason).toContain("2026-07-28");
    expect(methods(old.seen)).not.toContain("initialize");
  });

  test("a server that speaks a revision nobody knows is failed with its reason", async () => {
    const peer = scripted((received) =>
      received.method === "initialize"
        ? answer(received.id, { protocolVersion: "1999-01-01", capabilities: {} })
        : soundLegacy(received),
    );
    const upstream = await started(makeUpstream(peer.url, { protocol: "legacy" }), "failed");
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_protocol_error");
  });
});

describe("verdicts change", () => {
  test("a legacy verdict is tried again when it is old, so that an upgraded server is noticed", async () => {
    let upgraded = false;
    const peer = scripted((received) => (upgraded ? undefined : soundLegacy(received)));
    const limits = { legacyVerdictMs: 50, reconnectBaseMs: 10 };
    const upstream = await started(makeUpstream(peer.url, { refreshIntervalMs: 40, deps: { limits } }));
    expect(upstream.state.era).toBe("legacy");
    await Bun.sleep(150);
    expect(upstream.state.era).toBe("legacy");
    upgraded = true;
    await until(() => upstream.state.era === "modern" && upstream.state.status === "ready");
    expect(textOf(await upstream.call(toolCall("echo", { b: 2 })))).toBe('{"b":2}');
  });

  test("a modern server that was put back to legacy gets the call as a legacy one, once", async () => {
    let downgraded = false;
    const peer = scripted((received) => (downgraded ? legacyOnly(received) : undefined));
    const upstream = await started(makeUpstream(peer.url));
    await upstream.call(toolCall("echo"));
    downgraded = true;
    expect(textOf(await upstream.call(toolCall("echo", { c: 3 })))).toBe('{"c":3}');
    expect(upstream.state.era).toBe("legacy");
  });
});

/** A session server that refuses whatever comes without its session. */
function legacyOnly(received: Received): Response | undefined {
  const { method, headers, id } = received;
  if (method !== "initialize" && headers.get("mcp-session-id") === null)
    return failure(id === undefined ? null : null, -32000, "Bad Request: No valid session", 400);
  return soundLegacy(received);
}
