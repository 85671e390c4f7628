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
