import { expect, test } from "bun:test";
import { eventually } from "./child.ts";
import { startReplicas } from "./processes.ts";
import { RawSession } from "./raw-session.ts";

/** A 2025-11-25 server with one tool, that remembers which of its sessions were told of other roots. */
function startLegacyServer() {
  const [sessions, told, called] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const answer = (id: unknown, result: object, headers = {}) =>
    Response.json({ jsonrpc: "2.0", id, result }, { headers });
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      if (request.method !== "POST") return new Response(null, { status: 405 });
      const { id, method, params } = (await request.json()) as {
        id?: unknown;
        method: string;
        params: object;
      };
      const session = request.headers.get("mcp-session-id") ?? "";
      if (method === "initialize") {
        const made = crypto.randomUUID();
        sessions.add(made);
        const serverInfo = { name: "roots", version: "1" };
        const result = { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo };
        return answer(id, result, { "mcp-session-id": made });
      }
      if (method === "notifications/roots/list_changed") told.add(session);
      if (method === "tools/call") {
        called.add(session);
        return answer(id, { content: [{ type: "text", text: JSON.stringify(params) }] });
      }
      if (id === undefined) return new Response(null, { status: 202 });
      const tools = [{ name: "t", inputSchema: { type: "object" } }];
      return method === "tools/list"
        ? answer(id, { tools })
        : Response.json({ jsonrpc: "2.0", id, error: { code: -32601, message: "unknown" } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}/mcp`, told, called, stop: () => server.stop(true) };
}

test("other roots are told to the servers' sessions of every process", async () => {
  const upstream = startLegacyServer();
  const entry = {
    ...{ name: "x", type: "streamable-http" as const, connection: { url: upstream.url } },
    ...{ protocol: "legacy" as const, sharing: "per_session" },
  };
  const processes = await startReplicas({ servers: [entry] });
  if (processes === undefined) return upstream.stop();
  try {
    await eventually("both know the server", async () =>
      (await processes.metric("mcp_gateway_upstream_up")) === 2 ? true : undefined,
    );
    const urls = processes.gateways.map((gateway) => gateway.mcpUrl("x"));
    const session = await RawSession.open(urls[0] ?? "");
    for (const url of urls) {
      const answer = await session.post(
        { id: 1, method: "tools/call", params: { name: "t", arguments: {} } },
        url,
      );
      expect(await answer.text()).toContain('"content"');
    }
    expect(upstream.called.size).toBe(2);
    const changed = await session.post({ method: "notifications/roots/list_changed" }, urls[0]);
    expect(changed.status).toBe(202);
    await eventually("both sessions are told", async () =>
      [...upstream.called].every((one) => upstream.told.has(one)) ? true : undefined,
    );
    expect(upstream.told.size).toBe(2);
  } finally {
    await processes.stop();
    await upstream.stop();
  }
}, 60_000);
