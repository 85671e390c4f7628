/**
 * The servers behind everything measured, in one process: MCP 2026-07-28 over streamable HTTP, as fast as it can be made.
 * `/tools/N/…` lists N tools, a different schema each; a call is answered without looking at more than its id.
 * `GET /count` says how many calls there were. Prints its port.
 */
import { toolDefinition } from "./requests.ts";

const REVISION = "2026-07-28";
const json = { headers: { "content-type": "application/json" } };
const lists = new Map<number, string>();
let calls = 0;

function toolsOf(path: string): string {
  const count = Number(/^\/tools\/(\d+)/.exec(path)?.[1] ?? 1);
  let list = lists.get(count);
  if (list === undefined) {
    list = JSON.stringify(Array.from({ length: count }, (_, index) => toolDefinition(index)));
    lists.set(count, list);
  }
  return list;
}

function answer(id: string, result: string): Response {
  return new Response(`{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete",${result}}}`, json);
}

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  // Connections that a proxy keeps idle stay open.
  idleTimeout: 120,
  async fetch(request) {
    if (request.method === "GET") return new Response(String(calls));
    const text = await request.text();
    const id = /"id":(\d+|"[^"]*")/.exec(text)?.[1] ?? "null";
    const method = request.headers.get("mcp-method");
    if (method === "tools/call") {
      calls++;
      return answer(id, '"content":[{"type":"text","text":"hello world, this is a result"}]');
    }
    if (method === "tools/list") {
      return answer(
        id,
        `"tools":${toolsOf(new URL(request.url).pathname)},"ttlMs":300000,"cacheScope":"public"`,
      );
    }
    if (method === "server/discover") {
      const info = '"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"bench","version":"1"}}';
      return answer(
        id,
        `"supportedVersions":["${REVISION}"],"capabilities":{"tools":{}},"ttlMs":300000,"cacheScope":"public",${info}`,
      );
    }
    return Response.json(
      { jsonrpc: "2.0", id: JSON.parse(id), error: { code: -32601, message: "Method not found" } },
      { status: 404 },
    );
  },
});
console.log(server.port);
