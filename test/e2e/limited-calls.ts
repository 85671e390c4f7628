import { expect } from "bun:test";

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly id: unknown;
  readonly error: { readonly code: number; readonly data?: Readonly<Record<string, unknown>> } | undefined;
}

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};
let nonce = 0;
/** The id of the last call. */
export const lastId = (): number => nonce;

/** One `tools/call` of a modern client. */
export async function call(
  url: string,
  key: string | undefined,
  name = "echo__echo",
  ms = 0,
): Promise<Answered> {
  const id = ++nonce;
  const params = { name, arguments: { nonce: `n${id}`, ms }, _meta: META };
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": name,
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }),
  });
  const message = (await response.json()) as { id?: unknown; error?: Answered["error"] };
  return { status: response.status, headers: response.headers, id: message.id, error: message.error };
}

/** Bun sends 256 requests at once, and the balancer of two processes sends its own from here too. */
const AT_ONCE = 50;

export async function admitted(times: number, ask: () => Promise<Answered>): Promise<number> {
  const answers: Answered[] = [];
  while (answers.length < times) {
    const next = Math.min(AT_ONCE, times - answers.length);
    answers.push(...(await Promise.all(Array.from({ length: next }, ask))));
  }
  for (const { status, error } of answers) {
    if (status !== 200) expect([status, error?.code]).toEqual([429, expect.any(Number)]);
  }
  return answers.filter(({ status, error }) => status === 200 && error === undefined).length;
}
