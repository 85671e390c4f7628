/** How one call through the gateway ended. */
export interface CallEnd {
  readonly nonce: string;
  /** `ok`, the code of a JSON-RPC error, or `connection` where the socket ended without an answer. */
  readonly end: "ok" | "connection" | number;
  /** The HTTP status; 0 without an answer. */
  readonly status: number;
  readonly durationMs: number;
  readonly text: string;
}

export interface CallOptions {
  /** How long the tool takes. */
  readonly ms?: number;
  /** The tool's name on this endpoint. */
  readonly tool?: string;
  readonly key?: string;
}

/** JSON-RPC codes of the catalogue the tests look for. */
export const codes = {
  shuttingDown: 1011,
  interrupted: 1033,
  circuitOpen: 1055,
  journalUnavailable: 1070,
} as const;

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "load", version: "1" },
};

export function headersFor(method: string, name?: string, key?: string): Record<string, string> {
  return {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
    ...(name !== undefined && { "mcp-name": name }),
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  };
}

export function bodyOf(method: string, params: Readonly<Record<string, unknown>>, id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: META } });
}

interface Answer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number };
}

function answerIn(text: string, contentType: string | null): Answer {
  if (!contentType?.startsWith("text/event-stream")) return JSON.parse(text);
  const messages = text
    .split("\n")
    .filter((line) => line.startsWith("data:") && line.length > 6)
    .map((line): Answer => JSON.parse(line.slice(5)));
  const answer = messages.find((message) => message.id !== undefined);
  if (answer === undefined) throw new Error(`a stream without an answer: ${text}`);
  return answer;
}

/** One `tools/call` of the echo tool by a 2026-07-28 client. Never rejects. */
export async function call(url: string, nonce: string, options: CallOptions = {}): Promise<CallEnd> {
  const { ms = 0, tool = "echo", key } = options;
  const startedAt = performance.now();
  const ended = (end: CallEnd["end"], status: number, text: string): CallEnd => ({
    nonce,
    end,
    status,
    durationMs: performance.now() - startedAt,
    text,
  });
  try {
    const body = bodyOf("tools/call", { name: tool, arguments: { nonce, ms } });
    const response = await fetch(url, { method: "POST", headers: headersFor("tools/call", tool, key), body });
    const text = await response.text();
    const answer = answerIn(text, response.headers.get("content-type"));
    if (answer.error !== undefined) return ended(answer.error.code, response.status, text);
    if (!text.includes(nonce)) throw new Error(`an answer to another call: ${text}`);
    return ended("ok", response.status, text);
  } catch (failure) {
    return ended("connection", 0, String(failure));
  }
}

/** The digest by which the journal knows a call of {@link call}. */
export function digestOf(nonce: string, ms = 0): string {
  return Bun.SHA256.hash(JSON.stringify({ nonce, ms }), "hex");
}

/** Calls over and over from `connections` loops, until stopped. */
export interface Load {
  readonly ends: CallEnd[];
  /** Resolves with every end once the calls under way have ended. */
  stop(): Promise<CallEnd[]>;
}

export function startLoad(
  url: string,
  {
    connections = 32,
    pauseMs = 0,
    ...options
  }: CallOptions & { connections?: number; pauseMs?: number } = {},
): Load {
  const ends: CallEnd[] = [];
  let running = true;
  async function loop(): Promise<void> {
    while (running) {
      const end = await call(url, crypto.randomUUID(), options);
      ends.push(end);
      if (end.end === "connection") await Bun.sleep(20);
      else if (pauseMs > 0) await Bun.sleep(pauseMs);
    }
  }
  const loops = Promise.all(Array.from({ length: connections }, loop));
  return {
    ends,
    stop: async () => {
      running = false;
      await loops;
      return ends;
    },
  };
}

export function p99(ends: readonly CallEnd[]): number {
  const sorted = ends.map((end) => end.durationMs).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? 0;
}

/** Counts of each way calls ended, for a failure that explains itself. */
export function tally(ends: readonly CallEnd[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { end } of ends) counts[String(end)] = (counts[String(end)] ?? 0) + 1;
  return counts;
}

/** Every nonce an echo server saw, with how often. */
export async function noncesSeen(upstream: { readonly url: string }): Promise<Map<string, number>> {
  const answer = await fetch(new URL("/nonces", upstream.url));
  return new Map(Object.entries((await answer.json()) as Record<string, number>));
}
