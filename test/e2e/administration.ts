/** What JSON was read, of whatever shape: tests look into it. */
type Parsed = ReturnType<typeof JSON.parse>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Parsed;
}

/** One request of the control plane. */
export async function request(
  origin: string,
  method: string,
  path: string,
  key?: string,
  body?: unknown,
  headers = {},
): Promise<Answer> {
  const answer = await fetch(`${origin}${path}`, {
    method,
    headers: {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get("content-type")?.includes("json") === true && !text.includes("\n{");
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    json: isJson && text !== "" ? JSON.parse(text) : undefined,
  };
}

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** One `tools/call` of a 2026-07-28 client that can be asked nothing. */
export function toolCall(
  origin: string,
  path: string,
  credential: string | undefined,
  name: string,
  args: object,
): Promise<Answer> {
  const method = "tools/call";
  const body = { jsonrpc: "2.0", id: 1, method, params: { name, arguments: args, _meta: META } };
  return request(origin, "POST", path, credential, body, {
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
    "mcp-name": name,
  });
}
