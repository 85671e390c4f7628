import { expect, test } from "bun:test";
import { startGateway } from "./gateway.ts";

const CONNECTS_AFTER_MS = 1_200;

test("a call and a list right after a start get what their server offers, though it has not answered yet", async () => {
  const tool = { name: "late", inputSchema: { type: "object" } };
  const results: Record<string, object> = {
    "server/discover": {
      resultType: "complete",
      supportedVersions: ["2026-07-28"],
      capabilities: { tools: {} },
    },
    "tools/list": { resultType: "complete", tools: [tool] },
    "tools/call": { resultType: "complete", content: [{ type: "text", text: "here" }] },
  };
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { id, method } = (await request.json()) as { id: number; method: string };
      if (method === "server/discover") await Bun.sleep(CONNECTS_AFTER_MS);
      return Response.json({ jsonrpc: "2.0", id, result: results[method] ?? {} });
    },
  });
  const url = `http://127.0.0.1:${server.port}/mcp`;
  await using gateway = await startGateway({
    servers: [{ name: "slow", type: "streamable-http", connection: { url } }],
  });
  const ask = async (method: string, params: object) => {
    const version = "2026-07-28";
    const response = await fetch(gateway.mcpUrl(), {
      method: "POST",
      headers: {
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": version,
        "mcp-method": method,
        ...("name" in params && { "mcp-name": String(params.name) }),
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method,
        params: {
          ...params,
          _meta: {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
          },
        },
      }),
    });
    return response.json();
  };
  const call = (name: string) => ask("tools/call", { name, arguments: {} });
  const [called, listed, unknown] = await Promise.all([
    call("slow__late"),
    ask("tools/list", {}),
    call("slow__none"),
  ]);
  expect(called).toMatchObject({ result: { content: [{ text: "here" }] } });
  expect(listed).toMatchObject({ result: { tools: [{ name: "slow__late" }] } });
  expect(unknown).toMatchObject({ error: { code: -32602, message: "Unknown tool: slow__none" } });
}, 60_000);
