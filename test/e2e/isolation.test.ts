import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Gateway, startGateway } from "./gateway.ts";
import { type EchoUpstream, startEcho } from "./upstreams.ts";

// Two hundred clients use the same request ids at the same time, each with nonces of its own, and the upstream counts
// what reaches it: every client must get exactly its own answers, and every call must reach the upstream exactly once.

const CLIENTS = 200;
const CALLS_PER_CLIENT = 500;
const TIMEOUT_MS = 180_000;

interface Answer {
  readonly id?: unknown;
  readonly result?: { readonly content?: readonly { readonly text?: string }[] };
  readonly error?: { readonly code: number; readonly message: string };
}

/** A client of raw HTTP: an SDK would choose the ids itself, and two hundred of them would be the bottleneck. */
interface RawClient {
  call(id: number, nonce: string, ms?: number): Promise<Answer>;
  close(): Promise<void>;
}

function headersOf(extra: Readonly<Record<string, string>>): Record<string, string> {
  return { "content-type": "application/json", accept: "application/json, text/event-stream", ...extra };
}

async function answerIn(response: Response): Promise<Answer> {
  const text = await response.text();
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return JSON.parse(text);
  const messages = text
    .split("\n")
    .filter((line) => line.startsWith("data:") && line.length > 6)
    .map((line): Answer => JSON.parse(line.slice(5)));
  const answer = messages.find((message) => message.id !== undefined);
  if (answer === undefined) throw new Error(`a stream without an answer: ${text}`);
  return answer;
}

function modernClient(url: string, name: string): RawClient {
  const headers = headersOf({
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "echo",
  });
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name, version: "1" },
  };
  return {
    call: async (id, nonce, ms = 0) => {
      const params = { name: "echo", arguments: { nonce, ms }, _meta };
      const body = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params });
      return answerIn(await fetch(url, { method: "POST", headers, body }));
    },
    close: async () => undefined,
  };
}

async function legacyClient(url: string, name: string): Promise<RawClient> {
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name, version: "1" } };
  const opened = await fetch(url, {
    method: "POST",
    headers: headersOf({}),
    body: JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params }),
  });
  const session = opened.headers.get("mcp-session-id");
  await opened.text();
  if (session === null) throw new Error(`no session: ${opened.status}`);
  const headers = headersOf({ "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" });
  const ready = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });
  await (await fetch(url, { method: "POST", headers, body: ready })).text();
  return {
    call: async (id, nonce, ms = 0) => {
      const params_ = { name: "echo", arguments: { nonce, ms } };
      const body = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: params_ });
      return answerIn(await fetch(url, { method: "POST", headers, body }));
    },
    close: async () => {
      await (await fetch(url, { method: "DELETE", headers })).text();
    },
  };
}

interface Tally {
  right: number;
  /** What went wrong, the first twenty. */
  readonly wrong: string[];
}

/** All ids from 1 up, in order, `width` at a time; the same ids in every client. */
async function callMany(
  client: RawClient,
  name: string,
  calls: number,
  width: number,
  tally: Tally,
): Promise<void> {
  let next = 1;
  async function work(): Promise<void> {
    while (next <= calls) {
      const id = next++;
      const nonce = `${name}-${id}-${crypto.randomUUID()}`;
      // Every twentieth is slow, so that answers overtake each other.
      const answer = await client
        .call(id, nonce, id % 20 === 0 ? 5 : 0)
        .catch((error: unknown) => String(error));
      const text = typeof answer === "string" ? answer : answer.result?.content?.[0]?.text;
      if (typeof answer !== "string" && answer.id === id && text === nonce) tally.right += 1;
      else if (tally.wrong.length < 20) tally.wrong.push(`${nonce} got ${JSON.stringify(answer)}`);
    }
  }
  await Promise.all(Array.from({ length: width }, work));
}

describe("two hundred clients with colliding ids, one hundred thousand calls", () => {
  const upstreams = new Map<string, EchoUpstream>();
  let gateway: Gateway | undefined;
  let start: Promise<Gateway>;

  beforeAll(async () => {
    upstreams.set("modern", await startEcho("modern"));
    upstreams.set("legacy", await startEcho("legacy"));
    const servers = [...upstreams].map(([name, upstream]) => ({
      name,
      type: "streamable-http" as const,
      connection: { url: upstream.url, timeout: "30s" },
      // Each client has two calls under way; by default the gateway refuses the 101st.
      max_concurrency: 2 * CLIENTS,
    }));
    start = startGateway({ servers });
    gateway = await start.catch(() => undefined);
  }, 30_000);

  afterAll(async () => {
    await gateway?.stop();
    for (const upstream of upstreams.values()) await upstream.stop();
  }, 30_000);

  for (const era of ["modern", "legacy"] as const) {
    test(
      `${era} clients > ${era} upstream`,
      async () => {
        const url = (await start).mcpUrl(era);
        const names = Array.from({ length: CLIENTS }, (_, index) => `client-${index}`);
        const clients = await Promise.all(
          names.map((name) => (era === "modern" ? modernClient(url, name) : legacyClient(url, name))),
        );
        const calls = CALLS_PER_CLIENT / 2;
        const tally: Tally = { right: 0, wrong: [] };
        await Promise.all(
          clients.map((client, index) => callMany(client, names[index] ?? "", calls, 2, tally)),
        );
        expect(tally).toEqual({ right: CLIENTS * calls, wrong: [] });
        const seen = await upstreams.get(era)?.seen();
        expect(seen).toMatchObject({ calls: CLIENTS * calls, distinct: CLIENTS * calls, repeated: [] });
        await Promise.all(clients.map((client) => client.close()));
      },
      TIMEOUT_MS,
    );
  }
});
