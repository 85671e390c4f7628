import { afterEach, describe, expect, test } from "bun:test";
import type { JsonObject } from "../../../protocol/json-value.ts";
import {
  answer,
  closeAll,
  codeOf,
  eventStream,
  makeUpstream,
  type Received,
  scripted,
  soundLegacy,
  started,
  textOf,
  toolCall,
  until,
} from "../upstream-harness.testing.ts";

afterEach(closeAll);

type Handler = (received: Received, request: Request) => Response | undefined | Promise<Response | undefined>;

async function legacy(handle: Handler, changes: Parameters<typeof makeUpstream>[1] = {}) {
  const peer = scripted(
    async (received, request) => (await handle(received, request)) ?? soundLegacy(received),
  );
  return { peer, upstream: await started(makeUpstream(peer.url, changes)) };
}
const calls = (seen: readonly Received[]) => seen.filter(({ method }) => method === "tools/call");
const text = (value: string): JsonObject => ({ content: [{ type: "text", text: value }] });

describe("cancellation", () => {
  test("tells the server before the stream is dropped", async () => {
    const { peer, upstream } = await legacy(({ method }) =>
      method === "tools/call" ? eventStream().response : undefined,
    );
    const call = toolCall("x");
    const ended = codeOf(upstream.call(call));
    await until(() => calls(peer.seen).length === 1);
    call.cancellation.cancel("client_cancelled");
    expect(await ended).toBe("call_cancelled");
    await until(() => peer.seen.some(({ method }) => method === "notifications/cancelled"));
    const cancelled = peer.seen.find(({ method }) => method === "notifications/cancelled");
    expect(cancelled?.params.requestId).toBe(calls(peer.seen)[0]?.id as number);
  });

  test("a timeout does the same and is upstream_timeout in time", async () => {
    const { peer, upstream } = await legacy(
      ({ method }) => (method === "tools/call" ? eventStream().response : undefined),
      { timeoutMs: 400 },
    );
    const startedAt = Date.now();
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_timeout");
    expect(Date.now() - startedAt).toBeLessThan(400 * 1.05 + 30);
    await until(() => peer.seen.some(({ method }) => method === "notifications/cancelled"));
  });
});

describe("resumption", () => {
  test("a stream that gave an event id and closed is resumed there, after the time the server named", async () => {
    let id: unknown;
    let closedAt = 0;
    let resumedAt = 0;
    const resumedFrom: unknown[] = [];
    const { peer, upstream } = await legacy(({ method, http, headers, id: callId }) => {
      if (method === "tools/call") {
        id = callId;
        const stream = eventStream();
        stream.raw("id: e-1\nretry: 200\ndata:\n\n");
        closedAt = Date.now();
        stream.end();
        return stream.response;
      }
      const lastEventId = headers.get("last-event-id");
      if (http !== "GET" || lastEventId === null) return undefined;
      resumedFrom.push(lastEventId);
      const stream = eventStream();
      if (resumedFrom.length === 1) {
        resumedAt = Date.now();
        stream.send(
          { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: 1 } },
          "id: e-2\n",
        );
      } else stream.send({ jsonrpc: "2.0", id, result: text("resumed") });
      stream.end();
      return stream.response;
    });
    const call = toolCall("x", {}, { client: { logLevel: "debug" } });
    expect(textOf(await upstream.call(call))).toBe("resumed");
    expect(resumedFrom).toEqual(["e-1", "e-2"]);
    expect(resumedAt - closedAt).toBeGreaterThanOrEqual(195);
    expect(resumedAt - closedAt).toBeLessThan(400);
    expect(calls(peer.seen).length).toBe(1);
    expect(call.heard.length).toBe(1);
  });

  test("goes on until the deadline, and no longer", async () => {
    const { upstream } = await legacy(
      ({ method, http, headers }) => {
        const resume = http === "GET" && headers.get("last-event-id") !== null;
        if (method !== "tools/call" && !resume) return undefined;
        const stream = eventStream();
        stream.raw("id: e\nretry: 30\ndata:\n\n");
        stream.end();
        return stream.response;
      },
      { timeoutMs: 500 },
    );
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_timeout");
    expect(upstream.counters.resumedStreams).toBeGreaterThan(3);
  });

  test("a server that refuses to resume has lost the call", async () => {
    const { upstream } = await legacy(({ method }) => {
      if (method !== "tools/call") return undefined;
      const stream = eventStream();
      stream.raw("id: e\nretry: 10\ndata:\n\n");
      stream.end();
      return stream.response;
    });
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_lost");
  });

  test("the session's own stream is opened again from where it was", async () => {
    const from: (string | null)[] = [];
    const { upstream } = await legacy(({ http, headers, method, id }) => {
      if (method === "tools/list") return answer(id, { tools: [] });
      if (http !== "GET") return undefined;
      from.push(headers.get("last-event-id"));
      const stream = eventStream();
      if (from.length === 1) {
        stream.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" }, "id: g-7\nretry: 20\n");
        stream.end();
      }
      return stream.response;
    });
    await until(() => from.length === 2);
    expect(from).toEqual([null, "g-7"]);
    await until(() => upstream.counters.listRefreshes >= 2);
  });
});
