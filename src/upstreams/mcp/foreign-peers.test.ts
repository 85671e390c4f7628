import { afterEach, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { InMemoryEventStore } from "@modelcontextprotocol/sdk/examples/shared/inMemoryEventStore.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { createMcpHandler, McpServer as ModernServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import {
  alsoClose,
  closeAll,
  makeCall,
  makeUpstream,
  started,
  textOf,
  toolCall,
  until,
} from "./upstream-harness.testing.ts";

afterEach(closeAll);

describe("the SDK's 2026-07-28 server", () => {
  async function modern(legacy: "stateless" | "reject" = "reject") {
    const handler = createMcpHandler(
      () => {
        const server = new ModernServer({ name: "sdk2", version: "2" }, { capabilities: { logging: {} } });
        const inputSchema = z.object({ text: z.string().optional(), region: z.string().optional() });
        server.registerTool("echo", { inputSchema }, async ({ text }) => ({
          content: [{ type: "text", text: text ?? "" }],
        }));
        server.registerTool("steps", { inputSchema: z.object({}) }, async (_args, ctx) => {
          const token = ctx.mcpReq._meta?.progressToken;
          if (token !== undefined) {
            await ctx.mcpReq.notify({
              method: "notifications/progress",
              params: { progressToken: token, progress: 1, total: 2 },
            });
          }
          return { content: [{ type: "text", text: "done" }] };
        });
        return server;
      },
      { legacy },
    );
    const peer = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch: (request) => handler.fetch(request),
    });
    alsoClose(() => peer.stop(true));
    return started(makeUpstream(`http://127.0.0.1:${peer.port}/mcp`));
  }

  test.each(["reject", "stateless"] as const)(
    "is found modern, listed and called (legacy: %s)",
    async (legacy) => {
      const upstream = await modern(legacy);
      expect(upstream.state).toMatchObject({ era: "modern", status: "ready" });
      expect(upstream.lists?.tools.map(({ name }) => name)).toEqual(["echo", "steps"]);
      expect(upstream.lists?.serverInfo).toMatchObject({ name: "sdk2" });
      expect(textOf(await upstream.call(toolCall("echo", { text: "grüezi" })))).toBe("grüezi");
      expect(await upstream.call(toolCall("nothing"))).toMatchObject({
        kind: "error",
        error: { code: -32602 },
      });
    },
  );

  test("its progress comes through, without any token", async () => {
    const upstream = await modern();
    const call = toolCall("steps", {}, { wantsProgress: true });
    expect(textOf(await upstream.call(call))).toBe("done");
    expect(call.heard.map(({ params }) => params)).toEqual([{ progress: 1, total: 2 }]);
  });
});

describe("the SDK's server with sessions", () => {
  async function legacy(options: { readonly json?: boolean } = {}) {
    const transports = new Map<string, StreamableHTTPServerTransport>();
    const seen = { calls: 0, resumed: 0, servers: [] as McpServer[] };
    const handle = async (request: IncomingMessage, response: ServerResponse) => {
      const id = request.headers["mcp-session-id"];
      let transport = typeof id === "string" ? transports.get(id) : undefined;
      if (request.headers["last-event-id"] !== undefined) seen.resumed++;
      if (transport === undefined) {
        if (id !== undefined) {
          response.writeHead(404).end();
          return;
        }
        transport = new StreamableHTTPServerTransport({
          sessionIdGenerator: () => randomUUID(),
          eventStore: new InMemoryEventStore(),
          retryInterval: 50,
          enableJsonResponse: options.json ?? false,
          onsessioninitialized: (made) =>
            void transports.set(made, transport as StreamableHTTPServerTransport),
        });
        await sessionServer(seen).connect(transport);
      }
      await transport.handleRequest(request, response);
    };
    const server = createServer((request, response) => void handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    alsoClose(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const upstream = await started(
      makeUpstream(`http://127.0.0.1:${port}/mcp`, { sharing: "per_principal" }),
    );
    return { upstream, seen, transports };
  }

  test.each([true, false])("is found legacy, listed and called (JSON answers: %p)", async (json) => {
    const { upstream } = await legacy({ json });
    expect(upstream.state).toMatchObject({ era: "legacy", revision: "2025-11-25" });
    expect(textOf(await upstream.call(toolCall("echo", { text: "hello" })))).toBe("hello");
    expect(upstream.lists?.resources.map(({ uri }) => uri)).toEqual(["test://a"]);
  });

  test("asks on the call's stream and takes the answer", async () => {
    const { upstream } = await legacy();
    const call = toolCall(
      "ask",
      {},
      {
        client: { capabilities: { elicitation: { form: {} } } },
        ask: async () => ({ "elicitation/create": { action: "accept", content: { name: "Ada" } } }),
      },
    );
    expect(textOf(await upstream.call(call))).toBe("Ada");
  });

  test("closes its stream in mid-call and is resumed; the tool runs once", async () => {
    const { upstream, seen } = await legacy();
    const call = toolCall("leave", {}, { client: { logLevel: "debug" } });
    expect(textOf(await upstream.call(call))).toBe("back");
    expect(seen).toMatchObject({ calls: 1 });
    expect(seen.resumed).toBeGreaterThan(0);
  });

  test("announces changed lists, which are read again", async () => {
    const { upstream } = await legacy();
    expect(upstream.lists?.tools.map(({ name }) => name)).not.toContain("grown");
    await upstream.call(toolCall("grow"));
    await until(() => upstream.lists?.tools.some(({ name }) => name === "grown"));
  });

  test("that restarts with all sessions lost serves the next call", async () => {
    const { upstream, transports } = await legacy();
    await upstream.call(toolCall("echo", { text: "1" }));
    for (const transport of transports.values()) await transport.close();
    transports.clear();
    expect(textOf(await upstream.call(toolCall("echo", { text: "2" })))).toBe("2");
  });

  test("reads a resource", async () => {
    const { upstream } = await legacy();
    expect(await upstream.call(makeCall("resources/read", { uri: "test://a" }))).toMatchObject({
      result: { contents: [{ text: "A" }] },
    });
    expect(await upstream.call(makeCall("resources/read", { uri: "test://b" }))).toMatchObject({
      kind: "error",
      error: { code: -32602 },
    });
  });
});

function sessionServer(seen: { calls: number; servers: McpServer[] }): McpServer {
  const server = new McpServer({ name: "sdk1", version: "1" }, { capabilities: { logging: {} } });
  seen.servers.push(server);
  server.registerTool("echo", { inputSchema: { text: z.string() } }, async ({ text }) => ({
    content: [{ type: "text", text }],
  }));
  server.registerTool("ask", {}, async (extra) => {
    const answer = await extra.sendRequest(
      {
        method: "elicitation/create",
        params: {
          mode: "form",
          message: "name?",
          requestedSchema: { type: "object", properties: { name: { type: "string" } } },
        },
      },
      z.object({ action: z.string(), content: z.record(z.string(), z.unknown()).optional() }),
    );
    return { content: [{ type: "text", text: String(answer.content?.name) }] };
  });
  server.registerTool("leave", {}, async (extra) => {
    seen.calls++;
    extra.closeSSEStream?.();
    await Bun.sleep(30);
    return { content: [{ type: "text", text: "back" }] };
  });
  server.registerTool("grow", {}, async () => {
    for (const each of seen.servers) each.registerTool("grown", {}, async () => ({ content: [] }));
    return { content: [] };
  });
  server.registerResource("a", "test://a", {}, async (uri) => ({ contents: [{ uri: uri.href, text: "A" }] }));
  return server;
}
