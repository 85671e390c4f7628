import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../e2e/child.ts";
import { bootstrapKey, type Gateway, startGateway } from "../e2e/gateway.ts";
import { residentBytes } from "../e2e/process-figures.ts";
import { fixtureEntry, startFixture, type Upstream } from "../e2e/upstreams.ts";
import { readJournal } from "./kept-records.ts";
import { headersFor } from "./load.ts";
import { untilConnected } from "./restarted.ts";

const CALLS = 1_000;
const WARM = 20;
const TOOL = "test_elicitation";
/** What a thousand parked calls and their upstream sockets may cost at most, 200 KiB each. */
const GROWTH_BYTES_MAX = CALLS * 200 * 1024;

interface Answer {
  readonly result?: {
    readonly resultType: string;
    readonly inputRequests?: Readonly<Record<string, unknown>>;
    readonly requestState?: string;
    readonly content?: unknown;
  };
  readonly error?: { readonly code: number };
}

let steady: Upstream;
let mortal: Upstream;
let gateway: Gateway;
let key: string;

beforeAll(async () => {
  steady = await startFixture("legacy");
  mortal = await startFixture("legacy");
  gateway = await startGateway({
    servers: [
      fixtureEntry("steady", steady, "streamable-http"),
      fixtureEntry("mortal", mortal, "streamable-http"),
    ],
    settings: {
      limits: { parked_call_life: "30s", parked_calls_per_principal: 2 * CALLS },
      audit: { journal: { retain: "1h" } },
    },
  });
  key = await bootstrapKey(gateway);
  await untilConnected(gateway, ["steady", "mortal"]);
}, 60_000);
afterAll(async () => {
  await gateway.stop();
  await steady.stop();
  await mortal.stop();
});

async function call(server: string, n: number, more: object = {}): Promise<Answer> {
  const params = {
    name: TOOL,
    arguments: { message: `of ${server} ${n}` },
    ...more,
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": { elicitation: {} },
    },
  };
  const answer = await fetch(gateway.mcpUrl(server), {
    method: "POST",
    headers: { ...headersFor("tools/call", TOOL), accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: n, method: "tools/call", params }),
  });
  const text = await answer.text();
  const data = text.startsWith("{") ? text : text.slice(text.lastIndexOf("data:") + 5);
  return JSON.parse(data) as Answer;
}

function retry(server: string, n: number, { result }: Answer): Promise<Answer> {
  const keys = Object.keys(result?.inputRequests ?? {});
  const accepted = { action: "accept", content: { username: `u${n}`, email: "a@b.example" } };
  const inputResponses = Object.fromEntries(keys.map((key) => [key, accepted]));
  return call(server, n, { inputResponses, requestState: result?.requestState });
}

/** In groups: a thousand sockets of the test at once are not the matter here. */
async function many<T>(count: number, run: (n: number) => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let n = 0; n < count; n += 50) {
    const size = Math.min(50, count - n);
    all.push(...(await Promise.all(Array.from({ length: size }, (_, offset) => run(n + offset)))));
  }
  return all;
}

async function metric(name: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}` };
  const text = await (await fetch(`${gateway.origin}/metrics`, { headers })).text();
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

test("a thousand calls wait at once; clients answer, vanish, or find their server dead: one outcome each, nothing left", async () => {
  // Warm: what the first calls cost belongs to no parked call.
  await many(WARM, async (n) => retry("steady", n, await call("steady", n)));
  const before = residentBytes(gateway.child.pid);
  const half = CALLS / 2;
  const ofMortal = await many(half, (n) => call("mortal", n));
  const ofSteady = await many(half, (n) => call("steady", n));
  for (const { result } of [...ofMortal, ...ofSteady]) expect(result?.resultType).toBe("input_required");
  expect(await metric("mcp_gateway_parked_calls")).toBe(CALLS);
  expect(residentBytes(gateway.child.pid) - before).toBeLessThan(GROWTH_BYTES_MAX);

  mortal.child.kill("SIGKILL");
  // It may come back and go on with its streams: it is given the time of a connection.
  await eventually(
    "those at the dead server have ended",
    async () => ((await metric("mcp_gateway_parked_calls")) === half ? true : undefined),
    { timeoutMs: 18_000 },
  );
  const late = await Promise.all(ofMortal.slice(0, 20).map((asked, n) => retry("mortal", n, asked)));
  for (const { error } of late) expect(error?.code).toBe(1054);

  const answered = await many(half / 2, (n) => retry("steady", n, ofSteady[n] as Answer));
  for (const [n, { result }] of answered.entries()) {
    expect(result?.resultType).toBe("complete");
    expect(JSON.stringify(result?.content)).toContain(`u${n}`);
  }
  // The other half of its clients never comes back.
  await eventually(
    "nothing is parked",
    async () => ((await metric("mcp_gateway_parked_calls")) === 0 ? true : undefined),
    { timeoutMs: 45_000 },
  );
  const lost = await retry("steady", half - 1, ofSteady[half - 1] as Answer);
  expect(lost.error).toBeDefined();
  expect(await metric("mcp_gateway_waiting_requests")).toBe(0);

  gateway.child.kill("SIGTERM");
  expect(await gateway.child.exited).toBe(0);
  const { callsByDigest, endsByCall } = readJournal(join(gateway.folder, "data/journal"));
  const ends: Record<string, number> = {};
  for (const ids of callsByDigest.values()) {
    for (const id of ids) {
      const [end = "none", ...more] = endsByCall.get(id) ?? [];
      expect(more).toEqual([]);
      ends[end] = (ends[end] ?? 0) + 1;
    }
  }
  // The retry that came too late is a refusal of its own: it ran nothing.
  expect(ends).toEqual({ ok: WARM + half / 2, abandoned: half / 2, error: half, refused: 1 });
}, 150_000);
