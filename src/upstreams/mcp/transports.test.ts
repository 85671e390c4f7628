import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { ServerDefinition } from "../../model/server.ts";
import { LocalChildHost } from "./stdio/local-child-host.ts";
import {
  alsoClose,
  answer,
  closeAll,
  codeOf,
  makeUpstream,
  type Received,
  scripted,
  silent,
  soundLegacy,
  started,
  textOf,
  toolCall,
  until,
} from "./upstream-harness.testing.ts";

afterEach(closeAll);

const FIXTURE = join(import.meta.dir, "../../../test/fixtures/everything.ts");

describe("one upstream over every transport, against the fixture server", () => {
  async function stdio(era: string, changes: Partial<ServerDefinition> = {}) {
    const environment = { PATH: process.env.PATH, HOME: process.env.HOME };
    const childHost = new LocalChildHost(environment, silent);
    alsoClose(() => childHost.close());
    const connection = {
      type: "stdio" as const,
      command: process.execPath,
      args: [FIXTURE, "--era", era, "--transport", "stdio"],
      environment: {},
      workingDir: undefined,
    };
    const limits = { reconnectBaseMs: 10 };
    const upstream = makeUpstream("", {
      connection,
      sharing: "per_principal",
      deps: { childHost, limits },
      ...changes,
    });
    return { upstream: await started(upstream), childHost };
  }

  async function overHttp(transport: "http" | "sse", era: string, type: "streamable-http" | "sse") {
    const child = Bun.spawn([process.execPath, FIXTURE, "--era", era, "--transport", transport], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
    });
    alsoClose(async () => {
      child.kill();
      await child.exited;
    });
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    const { url } = JSON.parse(new TextDecoder().decode(value)) as { url: string };
    return { upstream: await started(makeUpstream(url, { http: { type } })), child };
  }

  test.each([
    ["modern", "modern"],
    ["both", "modern"],
    ["legacy", "legacy"],
  ] as const)("stdio, server of %s era", async (era, spoken) => {
    const { upstream } = await stdio(era);
    expect(upstream.state.era).toBe(spoken);
    expect(upstream.lists?.tools.length).toBeGreaterThan(10);
    expect(textOf(await upstream.call(toolCall("test_simple_text")))).toContain("text");
  });

  test.each([
    ["http", "modern", "streamable-http", "modern"],
    ["http", "legacy", "streamable-http", "legacy"],
    ["sse", "legacy", "sse", "legacy"],
    ["sse", "legacy", "streamable-http", "legacy"],
  ] as const)("%s server of %s era, configured as %s", async (transport, era, type, spoken) => {
    const { upstream } = await overHttp(transport, era, type);
    expect(upstream.state.era).toBe(spoken);
    expect(textOf(await upstream.call(toolCall("test_simple_text")))).toContain("text");
    const call = toolCall("test_tool_with_progress", {}, { wantsProgress: true });
    await upstream.call(call);
    expect(call.heard.length).toBeGreaterThan(1);
    for (const { params } of call.heard) expect(params).not.toHaveProperty("progressToken");
  });

  test("a child that is killed is there again for the next call", async () => {
    const { upstream, childHost } = await stdio("modern");
    const [first] = childHost.children().filter(({ status }) => status === "running");
    process.kill(first?.pid as number, "SIGKILL");
    await until(() =>
      childHost.children().some(({ pid, status }) => pid !== first?.pid && status === "running"),
    );
    await until(() => upstream.state.status === "ready");
    expect(textOf(await upstream.call(toolCall("test_simple_text")))).toContain("text");
  });

  test("legacy children: one per principal, besides the catalog's", async () => {
    const { upstream, childHost } = await stdio("legacy");
    const running = () => childHost.children().filter(({ status }) => status === "running").length;
    await upstream.call(toolCall("test_simple_text", {}, { principalId: "a" }));
    await upstream.call(toolCall("test_simple_text", {}, { principalId: "a" }));
    expect(running()).toBe(2);
    await upstream.call(toolCall("test_simple_text", {}, { principalId: "b" }));
    expect(running()).toBe(3);
    await upstream.close();
    await until(() => running() === 0, 4000);
  }, 15_000);

  test("legacy children that everybody shares: one, which is told of no capabilities", async () => {
    const { upstream, childHost } = await stdio("legacy", { sharing: "shared" });
    const capabilities = { elicitation: { form: {} }, sampling: {} };
    await upstream.call(toolCall("test_simple_text", {}, { principalId: "a", client: { capabilities } }));
    await upstream.call(toolCall("test_simple_text", {}, { principalId: "b" }));
    expect(childHost.children().filter(({ status }) => status === "running").length).toBe(1);
  }, 15_000);

  test("a command that does not exist is failed, with its reason", async () => {
    const childHost = new LocalChildHost({ PATH: process.env.PATH, HOME: process.env.HOME }, silent);
    alsoClose(() => childHost.close());
    const connection = {
      type: "stdio" as const,
      command: "no-such-command",
      args: [],
      environment: {},
      workingDir: undefined,
    };
    const upstream = await started(makeUpstream("", { connection, deps: { childHost } }), "failed");
    expect(upstream.state.reason).toContain("no-such-command");
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_unreachable");
  });
});

describe("resources of a legacy server", () => {
  test("are subscribed once for all, again after a reconnect, and released by the last", async () => {
    let known = new Set<string>();
    const peer = scripted((received) => {
      const session = received.headers.get("mcp-session-id");
      if (session !== null && !known.has(session)) return new Response(null, { status: 404 });
      if (received.method?.startsWith("resources/")) return answer(received.id, {});
      const response = soundLegacy(received);
      const made = response?.headers.get("mcp-session-id");
      if (made) known.add(made);
      return response;
    });
    const upstream = await started(
      makeUpstream(peer.url, { heartbeatMs: 30, deps: { limits: { reconnectBaseMs: 10 } } }),
    );
    const seen = (method: string) =>
      peer.seen.filter((received: Received) => received.method === method).length;
    const first = await upstream.subscribeResource("a://b");
    const second = await upstream.subscribeResource("a://b");
    expect(seen("resources/subscribe")).toBe(1);
    known = new Set();
    await until(() => seen("resources/subscribe") === 2);
    first();
    await Bun.sleep(30);
    expect(seen("resources/unsubscribe")).toBe(0);
    second();
    second();
    await until(() => seen("resources/unsubscribe") === 1);
  });
});
