import { afterEach, describe, expect, test } from "bun:test";
import {
  alsoClose,
  answer,
  closeAll,
  codeOf,
  makeUpstream,
  scripted,
  soundLegacy,
  started,
  textOf,
  toolCall,
  until,
} from "./upstream-harness.testing.ts";

afterEach(closeAll);

const quick = { reconnectBaseMs: 10, reconnectCapMs: 50, retryBaseMs: 5 };

describe("circuit breaker and recovery", () => {
  test("opens after five failed calls, spares the server, and is closed soon after it is back", async () => {
    let broken = false;
    const peer = scripted(() => (broken ? new Response("down", { status: 503 }) : undefined));
    const limits = { ...quick, breakerRestMs: 300 };
    const upstream = await started(makeUpstream(peer.url, { maxRetries: 0, deps: { limits } }));
    const states: string[] = [];
    upstream.onEvent((event) => {
      if (event.kind === "state") states.push(event.state.breaker);
    });
    broken = true;
    for (let n = 0; n < 5; n++) expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_refused");
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_circuit_open");
    const calls = peer.seen.filter(({ method }) => method === "tools/call").length;
    expect(calls).toBe(5);
    broken = false;
    await Bun.sleep(350);
    expect(textOf(await upstream.call(toolCall("echo", { back: 1 })))).toBe('{"back":1}');
    expect(states).toContain("open");
    expect(states.at(-1)).toBe("closed");
  });

  for (const era of ["modern", "legacy"] as const) {
    test(`calls that hang open it, and a ${era} server that answers its checks does not close it; one call tries`, async () => {
      let hangs = true;
      const peer = scripted((received) => {
        if (received.method === "tools/call" && hangs) return new Promise<Response>(() => {});
        return era === "legacy" ? soundLegacy(received) : undefined;
      });
      const limits = { ...quick, breakerRestMs: 60_000, breakerTrialMs: 60_000 };
      let passedMs = 0;
      const clock = { now: () => Date.now() + passedMs };
      const settings = { maxRetries: 0, timeoutMs: 200, heartbeatMs: 20, deps: { limits, clock } };
      const upstream = await started(makeUpstream(peer.url, settings));
      const call = () => codeOf(upstream.call(toolCall("echo", {}, { deadline: Number.POSITIVE_INFINITY })));
      const all = (count: number) => Promise.all(Array.from({ length: count }, call));
      const checks = () =>
        peer.seen.filter(({ method }) => method === "ping" || method === "server/discover").length;
      const arrived = () => peer.seen.filter(({ method }) => method === "tools/call").length;

      expect(new Set(await all(6))).toEqual(new Set(["upstream_timeout"]));
      const checked = checks();
      await until(() => checks() > checked + 3);
      expect(upstream.state).toMatchObject({ status: "ready", breaker: "open" });
      expect(await call()).toBe("upstream_circuit_open");
      passedMs += limits.breakerRestMs;
      // Failed trial: rest again.
      expect((await all(3)).sort()).toEqual([
        "upstream_circuit_open",
        "upstream_circuit_open",
        "upstream_timeout",
      ]);
      expect(arrived()).toBe(7);
      hangs = false;
      expect(await call()).toBe("upstream_circuit_open");
      passedMs += limits.breakerRestMs;
      expect(await call()).toStartWith("no error");
      expect(upstream.state.breaker).toBe("closed");
      expect(new Set((await all(3)).map((code) => code.slice(0, 8)))).toEqual(new Set(["no error"]));
    });
  }

  test("with the default limits a server that comes back is noticed within 5 s", async () => {
    const first = scripted(() => undefined);
    const upstream = await started(makeUpstream(first.url, { deps: { random: () => 0.999 } }));
    first.stop();
    while (upstream.state.breaker === "closed") await codeOf(upstream.call(toolCall("x")));
    await Bun.sleep(1000);
    const again = Bun.serve({
      port: first.port,
      async fetch(request) {
        const { id } = (await request.json()) as { id: number };
        return answer(id, { supportedVersions: ["2026-07-28"], capabilities: {}, content: [] });
      },
    });
    alsoClose(() => again.stop(true));
    const back = Date.now();
    await until(() => upstream.state.breaker === "closed" && upstream.state.status === "ready", 6000);
    expect(Date.now() - back).toBeLessThan(5000);
  }, 20_000);

  test("a call that waits for the connection gets it when the server comes up", async () => {
    const peer = scripted(async () => {
      await Bun.sleep(50);
      return undefined;
    });
    const upstream = makeUpstream(peer.url);
    expect(textOf(await upstream.call(toolCall("echo", { first: true })))).toBe('{"first":true}');
  });

  test("a legacy server that restarts is found again by its heartbeat", async () => {
    const sessions = new Set<string>();
    let restarts = 0;
    const peer = scripted((received) => {
      const session = received.headers.get("mcp-session-id");
      if (session !== null && !sessions.has(session)) return new Response(null, { status: 404 });
      const response = soundLegacy(received);
      const made = response?.headers.get("mcp-session-id");
      if (made) sessions.add(made);
      return response;
    });
    const upstream = await started(makeUpstream(peer.url, { heartbeatMs: 30, deps: { limits: quick } }));
    sessions.clear();
    restarts++;
    await until(() => sessions.size > 0 && upstream.state.status === "ready");
    expect(restarts).toBe(1);
    expect(upstream.counters.reconnects).toBeGreaterThan(0);
    expect(upstream.state.breaker).toBe("closed");
  });

  test("start never throws, whatever the configuration", async () => {
    const urls = [
      "http://127.0.0.1:1/mcp",
      "http://nowhere.invalid/mcp",
      "http://169.254.169.254/latest",
      "ftp://x/y",
    ];
    for (const url of urls) {
      const upstream = await started(makeUpstream(url), "failed");
      expect(upstream.state.reason).toBeString();
      expect(upstream.lists).toBeUndefined();
    }
    const header = await started(
      makeUpstream("http://127.0.0.1:1/mcp", { http: { headers: { "x-a": "secret\r\nInjected: 1" } } }),
      "failed",
    );
    expect(header.state.reason).toContain("x-a");
    expect(header.state.reason).not.toContain("secret");
  });
});
