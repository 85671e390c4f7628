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

const FIRST_PASSWORD = "first password 1";
/** The password that a person of {@link newPerson} chose. */
export const PASSWORD = "correct horse battery";

export interface Person {
  readonly id: string;
  readonly access: string;
  readonly refresh: string;
}

/** A user who has changed the password the administrator gave, and signed in with the new one. @param by creates the user */
export async function newPerson(
  origin: string,
  by: string,
  { organization, username, ...over }: { organization?: string; username: string } & Record<string, unknown>,
): Promise<Person> {
  const place = organization === undefined ? "" : `?organization=${organization}`;
  const given = { username, password: FIRST_PASSWORD, ...over };
  const made = await request(origin, "POST", `/api/admin/users${place}`, by, given);
  if (made.status !== 201) throw new Error(`no user ${username}: ${made.text}`);
  const signIn = async (password: string) => {
    const body = { ...(organization !== undefined && { organization }), username, password };
    return (await request(origin, "POST", "/auth/login", undefined, body)).json;
  };
  const change = { current_password: FIRST_PASSWORD, new_password: PASSWORD };
  const first = await signIn(FIRST_PASSWORD);
  const changed = await request(origin, "POST", "/auth/password", first.access_token, change);
  if (changed.status !== 204) throw new Error(`the password of ${username} stays: ${changed.text}`);
  const tokens = await signIn(PASSWORD);
  return { id: made.json.id, access: tokens.access_token, refresh: tokens.refresh_token };
}
