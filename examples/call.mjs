// A client without a library: lists the tools of the gateway, or calls one.
// Usage: node examples/call.mjs [TOOL [JSON_ARGUMENTS]]
import { readFileSync } from "node:fs";

const endpoint = process.env.MCP_GATEWAY_ENDPOINT ?? "http://localhost:8080/mcp";
const key = process.env.MCP_GATEWAY_KEY ?? bootstrapKey();
const revision = "2026-07-28";

function bootstrapKey() {
  try {
    return readFileSync("data/bootstrap-key", "utf8").trim();
  } catch {
    console.error(
      "No key: set MCP_GATEWAY_KEY to the one the gateway showed, or make one with bin/mcp-gateway keys create",
    );
    process.exit(1);
  }
}

async function request(method, params, name) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": revision,
      "mcp-method": method,
      ...(name !== undefined && { "mcp-name": name }),
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method,
      params: {
        ...params,
        _meta: {
          "io.modelcontextprotocol/protocolVersion": revision,
          "io.modelcontextprotocol/clientCapabilities": {},
        },
      },
    }),
  });
  const text = await response.text();
  // An answer that took its time comes as a stream: progress first, the answer in its last event.
  const streamed = response.headers.get("content-type")?.startsWith("text/event-stream");
  const last = streamed
    ? text
        .match(/^data: .+$/gm)
        .at(-1)
        .slice("data: ".length)
    : text;
  const { result, error } = JSON.parse(last);
  if (error) throw new Error(`${error.message} (${error.data?.code ?? error.code})`);
  return result;
}

const [tool, args = "{}"] = process.argv.slice(2);
try {
  if (tool === undefined) {
    const { tools } = await request("tools/list", {});
    for (const { name, description = "" } of tools) console.log(`${name}  ${description.split("\n")[0]}`);
  } else {
    const { content } = await request("tools/call", { name: tool, arguments: JSON.parse(args) }, tool);
    for (const part of content) console.log(part.type === "text" ? part.text : part);
  }
} catch (error) {
  const unreached = error.message === "fetch failed";
  console.error(
    unreached
      ? `Nothing answers at ${endpoint}: start the gateway, or set MCP_GATEWAY_ENDPOINT`
      : error.message,
  );
  process.exitCode = 1;
}
