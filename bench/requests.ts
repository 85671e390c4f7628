/** The requests the benchmark sends, byte for byte. */

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
};

export interface RequestSpec {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Tool number `index` of a server: every second one reads, the other writes; each with a schema of its own. */
export function toolDefinition(index: number): Record<string, unknown> {
  return {
    name: toolName(index),
    description: `Tool ${index} of the benchmark: says what it was told, as often as it was told to.`,
    inputSchema: {
      type: "object",
      properties: {
        text: { type: "string", minLength: 1, maxLength: 200 + index },
        n: { type: "integer", minimum: 0 },
      },
      required: ["text"],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: index % 2 === 0 },
  };
}

export function toolName(index: number): string {
  return `${index % 2 === 0 ? "read" : "write"}_${index}`;
}

export function callRequest(
  path: string,
  tool: string,
  key?: string,
  args: Record<string, unknown> = { text: "hello", n: 42 },
): RequestSpec {
  return request(path, "tools/call", { name: tool, arguments: args }, key, tool);
}

export function listRequest(path: string, key: string): RequestSpec {
  return request(path, "tools/list", {}, key);
}

export function listenRequest(path: string, key: string): RequestSpec {
  return request(path, "subscriptions/listen", { notifications: { toolsListChanged: true } }, key);
}

function request(
  path: string,
  method: string,
  params: Record<string, unknown>,
  key?: string,
  name?: string,
): RequestSpec {
  return {
    path,
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(name !== undefined && { "mcp-name": name }),
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta: META } }),
  };
}

/** The request as it goes over the wire. */
export function wireText(spec: RequestSpec, port: number): string {
  const lines = Object.entries(spec.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = Buffer.byteLength(spec.body);
  return `POST ${spec.path} HTTP/1.1\r\nhost: localhost:${port}\r\n${lines.join("")}content-length: ${length}\r\n\r\n${spec.body}`;
}
