import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/protocol/json-value.ts";
import { headersFor } from "../faults/load.ts";
import { Events, type JsonRpc } from "../integration/http-gateway.ts";
import { eventually } from "./child.ts";
import { type Processes, startReplicas, startWorkers } from "./processes.ts";
import { RawSession } from "./raw-session.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

// Each request of a client takes a connection of its own: of two replicas the other one gets it, of two workers either.
// What is to cross from one to the other is therefore tried several times, and the metrics say that it did.

const ROUNDS = 6;
const WATCHED = "test://watched-resource";

describe.each([
  ["two workers", startWorkers],
  ["two replicas", startReplicas],
])("%s", (_name, start) => {
  let upstream: Upstream;
  let processes: Processes;
  let url: string;

  beforeAll(async () => {
    upstream = await startFixture("legacy");
    const servers = [fixtureEntry("x", upstream, "streamable-http")];
    const started = await start({ servers });
    if (started === undefined) return;
    processes = started;
    url = processes.mcpUrl("x");
    await eventually("all know each other and the server", async () => {
      const [peers, up] = [
        await processes.metric("mcp_gateway_peers"),
        await processes.metric("mcp_gateway_upstream_up"),
      ];
      return peers === 2 && up === 2 ? true : undefined;
    });
  });
  afterAll(async () => {
    await processes?.stop();
    await upstream.stop();
  });

  async function crossed(act: () => Promise<void>): Promise<number> {
    const before = await processes.metric("mcp_gateway_peer_forwarded_total");
    await act();
    return (await processes.metric("mcp_gateway_peer_forwarded_total")) - before;
  }

  const inRounds = async (round: (index: number) => Promise<void>, rounds = ROUNDS) => {
    for (let index = 0; index < rounds; index++) await round(index);
  };

  test("a question is answered through whichever process gets the answer", async () => {
    const count = await crossed(() =>
      inRounds(async (index) => {
        const session = await RawSession.open(url);
        const params = { name: "test_elicitation", arguments: { message: `question ${index}` } };
        const events = new Events(await session.post({ id: 7, method: "tools/call", params }));
        const question = await events.message();
        expect(question?.method).toBe("elicitation/create");
        const content = { username: `ada-${index}`, email: "ada@example.org" };
        const answered = await session.post({ id: question?.id, result: { action: "accept", content } });
        expect(answered.status).toBe(202);
        const [final, ...more] = await events.rest();
        expect(more).toEqual([]);
        expect(final).toMatchObject({ id: 7 });
        expect(JSON.stringify(final?.result)).toContain(`ada-${index}`);
      }),
    );
    expect(count).toBeGreaterThan(0);
  });

  test("a call is cancelled through whichever process hears of it", async () => {
    await inRounds(async (index) => {
      const session = await RawSession.open(url);
      const nonce = `cancel-${_name}-${index}`;
      const params = { name: "test_slow", arguments: { ms: 20_000, nonce } };
      const call = session.request("tools/call", params, 9);
      await Bun.sleep(150);
      const cancelled = { method: "notifications/cancelled", params: { requestId: 9 } };
      expect((await session.post(cancelled)).status).toBe(202);
      expect((await call).error?.code).toBe(1032);
      const asked = { name: "test_was_cancelled", arguments: { nonce } };
      await eventually("the server's work ended too", async () =>
        JSON.stringify(await session.request("tools/call", asked)).includes("true") ? true : undefined,
      );
    });
  });

  test("the retry of a parked call finds it through whichever process gets it", async () => {
    const count = await crossed(() =>
      inRounds(async (index) => {
        const params = { name: "test_elicitation", arguments: { message: `parked ${index}` } };
        const { result: asked } = await modernCall(url, params);
        expect(asked).toMatchObject({ resultType: "input_required" });
        const [key = ""] = Object.keys(asked?.inputRequests as JsonObject);
        const content = { username: `bob-${index}`, email: "bob@example.org" };
        const retry = {
          ...params,
          inputResponses: { [key]: { action: "accept", content } },
          requestState: asked?.requestState,
        };
        const { result } = await modernCall(url, retry);
        expect(JSON.stringify(result)).toContain(`bob-${index}`);
        // The same retry again gets the same answer, wherever it arrives.
        expect((await modernCall(url, retry)).result).toEqual(result as JsonObject);
      }),
    );
    expect(count).toBeGreaterThan(0);
  });

  test("a broken stream is resumed through whichever process is asked, from where it broke", async () => {
    const count = await crossed(() =>
      inRounds(async () => {
        const session = await RawSession.open(url);
        const params = { name: "test_tool_with_progress", _meta: { progressToken: "p" } };
        const broken = new Events(await session.post({ id: 3, method: "tools/call", params }));
        const first = await broken.next();
        expect(first?.id).toBeDefined();
        await broken.cancel();
        const answer = await session.get(first?.id);
        expect([...answer.headers.keys()].filter((name) => name.includes("peer"))).toEqual([]);
        const resumed = new Events(answer);
        const messages = await resumed.rest();
        expect(messages.map(({ params }) => (params as JsonObject | undefined)?.progress)).toEqual([
          0,
          50,
          100,
          undefined,
        ]);
        expect(messages.at(-1)).toMatchObject({ id: 3, result: { content: [{ type: "text" }] } });
      }),
    );
    expect(count).toBeGreaterThan(0);
  });

  test("log level and subscriptions made anywhere hold for the stream, wherever it is", async () => {
    await inRounds(async () => {
      const session = await RawSession.open(url);
      const events = new Events(await session.get());
      const logs = async () => {
        const params = { name: "test_tool_with_logging" };
        const answer = await session.post({ id: 1, method: "tools/call", params });
        return (await answer.text()).includes("notifications/message");
      };
      expect((await session.request("logging/setLevel", { level: "debug" })).result).toEqual({});
      for (let again = 0; again < 4; again++) expect(await logs()).toBe(true);
      expect((await session.request("logging/setLevel", { level: "error" })).result).toEqual({});
      expect((await session.request("resources/subscribe", { uri: WATCHED })).result).toEqual({});
      expect(
        (await session.request("tools/call", { name: "test_trigger_resource_update" })).error,
      ).toBeUndefined();
      const updated = await nextOf(events, "notifications/resources/updated");
      expect(updated.params).toMatchObject({ uri: WATCHED });
      // They are of level info.
      for (let again = 0; again < 4; again++) expect(await logs()).toBe(false);
      expect((await session.request("resources/unsubscribe", { uri: WATCHED })).result).toEqual({});
      await events.cancel();
    }, 2);
  });

  test("a change of the lists reaches the stream wherever it is", async () => {
    const session = await RawSession.open(url);
    const events = new Events(await session.get());
    for (let round = 0; round < 4; round++) {
      expect(
        (await session.request("tools/call", { name: "test_trigger_tool_change" })).error,
      ).toBeUndefined();
      await nextOf(events, "notifications/tools/list_changed");
    }
    await events.cancel();
  });

  test("a new stream takes the place of the one another process holds", async () => {
    const session = await RawSession.open(url);
    const streams: Events[] = [];
    for (let index = 0; index < 4; index++) streams.push(new Events(await session.get()));
    const last = streams.pop();
    for (const former of streams) await former.rest();
    await session.request("resources/subscribe", { uri: WATCHED });
    await session.request("tools/call", { name: "test_trigger_resource_update" });
    await nextOf(last as Events, "notifications/resources/updated");
    await last?.cancel();
  });

  test("an ended session is unknown everywhere within a second, and its calls end", async () => {
    await inRounds(async () => {
      const session = await RawSession.open(url);
      // Every process has seen it.
      for (let index = 0; index < 4; index++) await session.request("ping");
      const events = new Events(await session.get());
      expect((await session.delete()).status).toBe(204);
      await Bun.sleep(1_000);
      for (let index = 0; index < 4; index++)
        expect((await session.post({ id: 1, method: "ping" })).status).toBe(404);
      await events.rest();
    }, 2);
  });

  test("a scrape counts the calls of every process", async () => {
    const before = await processes.metric("mcp_gateway_tools_called_total");
    const session = await RawSession.open(url);
    for (let index = 0; index < 10; index++)
      await session.request("tools/call", { name: "test_simple_text" });
    expect((await processes.metric("mcp_gateway_tools_called_total")) - before).toBe(10);
  });

  test("nobody else gets in by the processes' own way", async () => {
    const origin = processes.gateways[0]?.origin ?? "";
    for (const act of ["forward", "tell", "metrics", "other"]) {
      for (const authorization of [
        undefined,
        "Bearer x",
        `MCP-Gateway-Peer id.${Date.now()}.${"a".repeat(22)}.${"b".repeat(43)}.${"c".repeat(43)}`,
      ]) {
        const answer = await fetch(`${origin}/cluster/${act}`, {
          method: "POST",
          headers: { ...(authorization !== undefined && { authorization }) },
          body: '[{"kind":"session_ended","sessionId":"x"}]',
        });
        expect([act, answer.status]).toEqual([act, 401]);
      }
    }
    expect((await fetch(`${origin}/cluster/metrics`)).status).toBe(401);
  });
});

/** One `tools/call` of a 2026-07-28 client that can be asked. */
async function modernCall(url: string, params: object): Promise<JsonRpc> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
  };
  const headers = headersFor("tools/call", (params as { name: string }).name);
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { ...params, _meta } });
  const answer = await fetch(url, { method: "POST", headers, body, keepalive: false });
  if (answer.headers.get("content-type")?.startsWith("text/event-stream") !== true) {
    return (await answer.json()) as JsonRpc;
  }
  return (await new Events(answer).rest()).at(-1) as JsonRpc;
}

/** The next message of a method, among whatever else a stream carries. */
async function nextOf(events: Events, method: string): Promise<JsonRpc> {
  for (let one = await events.message(); one !== undefined; one = await events.message()) {
    if (one.method === method) return one;
  }
  throw new Error(`the stream ended before ${method}`);
}
