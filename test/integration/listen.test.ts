import { describe, expect, test } from "bun:test";
import { type Answering, said, tool } from "../../src/model/ports/in-process-upstream.testing.ts";
import { samplePrincipal } from "../../src/model/sample-exchange.testing.ts";
import { endListenStreams, openListenStreams } from "../../src/transports/streamable-http/listen.ts";
import { Events, HttpGateway, until } from "./http-gateway.ts";

const offer = {
  tools: [tool("echo")],
  prompts: [{ name: "greet" }],
  resources: [{ uri: "test://1" }, { uri: "test://2" }],
};
const answering = (answer: Answering, options = {}) =>
  new HttpGateway([{ name: "s", offer, answer }], options);
const subscriptionKey = "io.modelcontextprotocol/subscriptionId";

describe("subscriptions/listen", () => {
  const all = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
  const listen = (
    http: HttpGateway,
    notifications: unknown,
    over: Parameters<HttpGateway["modern"]>[2] = {},
  ) =>
    http.modern(
      "subscriptions/listen",
      { notifications: notifications as never },
      { id: 1_790_000_000_123, ...over },
    );

  test("is acknowledged first, with what is honoured, and every message names the subscription", async () => {
    await using http = answering(said("x"));
    const wanted = { ...all, resourceSubscriptions: ["test://1", "nobody://x"] };
    const events = new Events(await listen(http, wanted));
    expect(await events.message()).toEqual({
      jsonrpc: "2.0",
      method: "notifications/subscriptions/acknowledged",
      params: {
        notifications: { ...all, resourceSubscriptions: ["test://1"] },
        _meta: { [subscriptionKey]: 1_790_000_000_123 },
      },
    });
    const upstream = http.inner.upstream("s");
    expect(upstream.subscribed).toEqual(["test://1"]);
    upstream.change({ ...offer, tools: [] });
    upstream.updated("test://1");
    expect(await events.message()).toMatchObject({
      method: "notifications/tools/list_changed",
      params: { _meta: { [subscriptionKey]: 1_790_000_000_123 } },
    });
    expect(await events.message()).toMatchObject({
      method: "notifications/resources/updated",
      params: { uri: "test://1", _meta: { [subscriptionKey]: 1_790_000_000_123 } },
    });
    await events.cancel();
  });

  test("carries only what was asked for and what the caller may see", async () => {
    const blind = samplePrincipal({ id: "key:blind", permissions: ["other:*"] });
    await using http = answering(said("x"), { principals: { blind } });
    const prompts = new Events(await listen(http, { promptsListChanged: true }));
    const nothing = new Events(
      await listen(http, { ...all, resourceSubscriptions: ["test://1"] }, { key: "blind" }),
    );
    await prompts.message();
    expect((await nothing.message())?.params).toMatchObject({ notifications: all });
    http.inner.upstream("s").change({ ...offer, tools: [], prompts: [] });
    expect((await prompts.message())?.method).toBe("notifications/prompts/list_changed");
    endListenStreams();
    expect((await prompts.rest()).map(({ method }) => method)).toEqual([undefined]);
    expect((await nothing.rest()).map(({ method }) => method)).toEqual([undefined]);
  });

  test("is acknowledged only when the server has taken the subscription; nothing in between is lost", async () => {
    await using http = answering(said("x"));
    const upstream = http.inner.upstream("s");
    const { promise, resolve } = Promise.withResolvers<() => void>();
    upstream.subscribeResource = () => promise;
    const response = listen(http, { toolsListChanged: true, resourceSubscriptions: ["test://1"] });
    let answered = false;
    response.then(() => {
      answered = true;
    });
    await Bun.sleep(100);
    expect(answered).toBe(false);
    resolve(() => {});
    const events = new Events(await response);
    expect((await events.message())?.method).toBe("notifications/subscriptions/acknowledged");
    await events.cancel();
  });

  test("ends with its result when the gateway ends it, and lets everything go when its client leaves", async () => {
    await using http = answering(said("x"));
    const events = new Events(await listen(http, { resourceSubscriptions: ["test://1"] }));
    await events.message();
    expect(openListenStreams()).toBe(1);
    http.waiting.interrupt();
    expect(await events.rest()).toEqual([
      {
        jsonrpc: "2.0",
        id: 1_790_000_000_123,
        result: { resultType: "complete", _meta: { [subscriptionKey]: 1_790_000_000_123 } },
      } as never,
    ]);
    const upstream = http.inner.upstream("s");
    expect([openListenStreams(), upstream.subscribed]).toEqual([0, []]);
    const abort = new AbortController();
    const left = new Events(
      await listen(http, { resourceSubscriptions: ["test://1"] }, { signal: abort.signal }),
    );
    await left.message();
    expect(upstream.subscribed).toEqual(["test://1"]);
    abort.abort();
    await until(
      "the subscription is released",
      () => upstream.subscribed.length === 0 && openListenStreams() === 0,
    );
  });

  test("lets go when its client leaves before the acknowledgement", async () => {
    await using http = answering(said("x"));
    const upstream = http.inner.upstream("s");
    const { promise, resolve } = Promise.withResolvers<void>();
    const subscribe = upstream.subscribeResource.bind(upstream);
    upstream.subscribeResource = (uri) => promise.then(() => subscribe(uri));
    const abort = new AbortController();
    listen(http, { resourceSubscriptions: ["test://1"] }, { signal: abort.signal }).catch(() => {});
    await until("it is open", () => openListenStreams() === 1);
    abort.abort();
    await Bun.sleep(50);
    resolve();
    await until("it is released", () => openListenStreams() === 0 && upstream.subscribed.length === 0);
  });

  test("keeps its connection through silence", async () => {
    await using http = answering(said("x"), { keepAliveMs: 300 });
    const events = new Events(await listen(http, all));
    await events.message();
    setTimeout(() => http.inner.upstream("s").change({ ...offer, tools: [] }), 1_200);
    expect((await events.message())?.method).toBe("notifications/tools/list_changed");
    expect(events.raw.match(/^:$/gm)?.length).toBeGreaterThanOrEqual(2);
    await events.cancel();
  });

  test("is refused without an Accept, with a wrong filter, and past the number of streams", async () => {
    await using http = answering(said("x"), { streamsMax: 1 });
    const refused = async (notifications: unknown, headers = {}) => {
      const response = await listen(http, notifications, { headers });
      const { error } = (await response.json()) as { error: { code: number } };
      return [response.status, error.code];
    };
    expect(await refused(all, { accept: "application/json" })).toEqual([406, 1007]);
    for (const wrong of [
      undefined,
      [],
      "all",
      { resourceSubscriptions: "test://1" },
      { resourceSubscriptions: [5] },
    ]) {
      expect(await refused(wrong)).toEqual([400, -32602]);
    }
    expect(
      await refused({ resourceSubscriptions: Array.from({ length: 1_001 }, (_, i) => `x:${i}`) }),
    ).toEqual([400, -32602]);
    const one = new Events(await listen(http, all));
    await one.message();
    expect(await refused(all)).toEqual([503, 1012]);
    await one.cancel();
    await until("it is gone", () => openListenStreams() === 0);
  });
});
