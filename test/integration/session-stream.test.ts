import { describe, expect, test } from "bun:test";
import { type Answering, said, tool } from "../../src/model/ports/in-process-upstream.testing.ts";
import { Events, HttpGateway, type JsonRpc, type LegacyClient, until } from "./http-gateway.ts";

const offer = {
  tools: [tool("echo")],
  prompts: [{ name: "greet" }],
  resources: [{ uri: "test://1" }, { uri: "test://2" }],
};
const answering = (answer: Answering, options = {}) =>
  new HttpGateway([{ name: "s", offer, answer }], options);
const progress = (value: number) => ({
  jsonrpc: "2.0" as const,
  method: "notifications/progress",
  params: { progress: value, total: 3 },
});
const logged = (level: string) => ({
  jsonrpc: "2.0" as const,
  method: "notifications/message",
  params: { level, data: "words" },
});
const call = { name: "s__echo" };

describe("event ids", () => {
  const speaking: Answering = (own) => {
    own.notify(progress(1));
    return said("x")(own);
  };
  const params = { ...call, _meta: { progressToken: "p" } };
  test.each([
    ["2025-11-25", true, true],
    ["2025-06-18", false, true],
    ["2025-03-26", false, true],
    ["2024-11-05", false, false],
  ])("%s: primed %p, numbered %p", async (revision, primed, numbered) => {
    await using http = answering(speaking);
    const client = await http.legacy({ revision });
    const events = new Events(await client.request("tools/call", params));
    const first = await events.next();
    expect(first?.data === "").toBe(primed);
    expect(first?.id !== undefined).toBe(numbered);
  });

  test("are of one stream and one session each", async () => {
    await using http = answering(speaking);
    const client = await http.legacy();
    const other = await http.legacy();
    const events = new Events(await client.request("tools/call", params));
    const ids: string[] = [];
    for (let one = await events.next(); one !== undefined; one = await events.next()) ids.push(one.id ?? "");
    expect(new Set(ids).size).toBe(3);
    const second = new Events(await client.request("tools/call", params, { id: 2 }));
    expect(ids).not.toContain((await second.next())?.id);
    const foreign = await other.get({ headers: { "last-event-id": ids[0] as string } });
    expect(foreign.status).toBe(400);
    for (const bad of ["", "x", "1-2-3", "1-1", "99-1", "-1-1", `${ids[0]}x`, `x${ids[0]}`]) {
      const response = await client.get({ headers: { "last-event-id": bad } });
      expect([bad, response.status]).toEqual([bad, bad === "" ? response.status : 400]);
      await response.body?.cancel();
    }
  });

  test("of ended streams make room for calls that come after; where all are read, a call has its answer alone", async () => {
    const gates: (() => void)[] = [];
    let held = false;
    await using http = answering(async (own) => {
      own.notify(progress(1));
      if (held) await new Promise<void>((resolve) => gates.push(resolve));
      return said("x")(own);
    });
    const client = await http.legacy();
    for (let id = 1; id <= 100; id++) {
      const messages = await new Events(await client.request("tools/call", params, { id })).rest();
      expect(messages).toHaveLength(2);
    }
    held = true;
    const reading = Array.from({ length: 64 }, (_, n) =>
      client.request("tools/call", params, { id: 200 + n }),
    );
    const streams = await Promise.all(reading);
    const extra = client.request("tools/call", params, { id: 300 });
    await until("all wait", () => gates.length === 65);
    for (const open of gates) open();
    expect((await extra).headers.get("content-type")).toBe("application/json");
    for (const stream of streams) expect(await new Events(stream).rest()).toHaveLength(2);
  });

  test("of a modern stream there are none: it cannot be resumed", async () => {
    await using http = answering(speaking);
    const events = new Events(await http.modern("tools/call", call, { meta: { progressToken: 1 } }));
    expect((await events.next())?.id).toBeUndefined();
  });
});

describe("a session's own stream", () => {
  test("carries changes, updates, and what no call carries; a new one takes its place", async () => {
    await using http = answering(said("x"));
    const client = await http.legacy();
    const first = new Events(await client.get());
    await client.request("resources/subscribe", { uri: "test://1" });
    const upstream = http.inner.upstream("s");
    await until("the session listens", () => upstream.sessionListeners.size === 1);
    upstream.change({ ...offer, tools: [tool("other")] });
    upstream.updated("test://1");
    upstream.updated("test://2");
    for (const listener of upstream.sessionListeners) listener.notify(logged("info"));
    expect([
      (await first.message())?.method,
      (await first.message())?.method,
      (await first.message())?.method,
    ]).toEqual([
      "notifications/tools/list_changed",
      "notifications/resources/updated",
      "notifications/message",
    ]);
    const second = new Events(await client.get());
    expect(await first.rest()).toEqual([]);
    upstream.updated("test://1");
    expect((await second.message())?.method).toBe("notifications/resources/updated");
    expect(upstream.sessionListeners.size).toBe(1);
    await client.delete();
    expect(await second.rest()).toEqual([]);
    expect([upstream.sessionListeners.size, upstream.subscribed, http.inner.gateway.subscriptions]).toEqual([
      0,
      [],
      0,
    ]);
  });

  test.each([
    ["unsubscribed", (client: LegacyClient) => client.request("resources/unsubscribe", { uri: "test://1" })],
    ["ended", (client: LegacyClient) => client.delete()],
  ])("holds nothing of what was %s while it was opened", async (_what, takeBack) => {
    await using http = answering(said("x"));
    const client = await http.legacy();
    const upstream = http.inner.upstream("s");
    const subscribe = upstream.subscribeResource.bind(upstream);
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    let asked = 0;
    upstream.subscribeResource = async (uri) => {
      asked++;
      await opened;
      return subscribe(uri);
    };
    // As another process left it, which held no stream.
    for (const [id, row] of http.ledger.rows)
      http.ledger.rows.set(id, { ...row, subscriptions: ["test://1"] });
    for (const id of http.ledger.rows.keys())
      await http.sessions.hear({ kind: "session_changed", sessionId: id });
    const stream = client.get();
    await until("the resource is being subscribed", () => asked === 1);
    expect((await takeBack(client)).ok).toBe(true);
    open();
    await (await stream).body?.cancel();
    expect(upstream.subscribed).toEqual([]);
  });

  test.each(["GET first", "DELETE first"])(
    "is held by nobody where the session is taken up and ended at once, %s",
    async (order) => {
      await using http = answering(said("x"));
      const client = await http.legacy();
      for (const id of http.ledger.rows.keys()) http.sessions.forget(id);
      const find = http.ledger.find.bind(http.ledger);
      const { promise: readable, resolve: read } = Promise.withResolvers<void>();
      http.ledger.find = (organizationId, id) => readable.then(() => find(organizationId, id));
      const acts = [() => client.get(), () => client.delete()];
      if (order === "DELETE first") acts.reverse();
      const answers = [];
      for (const act of acts) {
        answers.push(act());
        await Bun.sleep(20);
      }
      read();
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      expect(statuses).toEqual(order === "DELETE first" ? [204, 404] : [404, 204]);
      expect([http.inner.gateway.subscriptions, http.inner.upstream("s").sessionListeners.size]).toEqual([
        0, 0,
      ]);
    },
  );

  test("and a subscription under way are let go of with the session", async () => {
    await using http = answering(said("x"));
    const client = await http.legacy();
    const upstream = http.inner.upstream("s");
    const subscribe = upstream.subscribeResource.bind(upstream);
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    let asked = 0;
    upstream.subscribeResource = async (uri) => {
      asked++;
      await opened;
      return subscribe(uri);
    };
    const subscribed = client.request("resources/subscribe", { uri: "test://1" });
    await until("the resource is being subscribed", () => asked === 1);
    expect((await client.delete()).status).toBe(204);
    open();
    expect(((await (await subscribed).json()) as JsonRpc).error?.data?.code).toBe("call_cancelled");
    expect([upstream.subscribed, http.inner.gateway.subscriptions]).toEqual([[], 0]);
  });

  test("is resumed with what came in between", async () => {
    await using http = answering(said("x"));
    const client = await http.legacy();
    const abort = new AbortController();
    const first = new Events(await client.get({ signal: abort.signal }));
    const primer = await first.next();
    const upstream = http.inner.upstream("s");
    abort.abort();
    await Bun.sleep(30);
    upstream.change({ ...offer, tools: [tool("other")] });
    const second = new Events(await client.get({ headers: { "last-event-id": primer?.id ?? "" } }));
    expect((await second.message())?.method).toBe("notifications/tools/list_changed");
    upstream.change(offer);
    expect((await second.message())?.method).toBe("notifications/tools/list_changed");
    await second.cancel();
  });

  test("that its reader left is let go, with all it listens to, and the session with it", async () => {
    await using http = answering(said("x"), { sessionsMax: 1 });
    const client = await http.legacy();
    const abort = new AbortController();
    await client.get({ signal: abort.signal });
    const upstream = http.inner.upstream("s");
    expect([upstream.sessionListeners.size, http.inner.gateway.subscriptions]).toEqual([1, 1]);
    await http.sessions.sweep();
    await http.sessions.sweep();
    expect(upstream.sessionListeners.size).toBe(1);
    abort.abort();
    await Bun.sleep(50);
    await http.sessions.sweep();
    expect(upstream.sessionListeners.size).toBe(1);
    await http.sessions.sweep();
    expect([upstream.sessionListeners.size, http.inner.gateway.subscriptions]).toEqual([0, 0]);
    const again = new Events(await client.get());
    expect(http.inner.gateway.subscriptions).toBe(1);
    await again.cancel();
  });

  test.each(["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])(
    "of %s answers at once",
    async (revision) => {
      await using http = answering(said("x"));
      const client = await http.legacy({ revision });
      const startedAt = performance.now();
      const response = await client.get();
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      expect(performance.now() - startedAt).toBeLessThan(1_000);
      await response.body?.cancel();
    },
  );

  test("needs a session, an Accept, and the session's caller", async () => {
    await using http = answering(said("x"));
    const client = await http.legacy();
    const status = async (headers: Record<string, string>) => {
      const response = await client.get({ headers });
      await response.body?.cancel();
      return response.status;
    };
    expect(await status({ accept: "application/json" })).toBe(406);
    expect(await status({ "mcp-session-id": "x" })).toBe(404);
    expect(await status({ authorization: "Bearer key-of-bob" })).toBe(404);
    const stream = { accept: "text/event-stream" };
    expect((await http.send("GET", stream, undefined)).status).toBe(405);
    for (const revision of ["2025-03-26", "2025-06-18", "2025-11-25"]) {
      for (const method of ["GET", "DELETE"]) {
        const answer = await http.send(method, { ...stream, "mcp-protocol-version": revision }, undefined);
        expect([method, answer.status]).toEqual([method, 400]);
        expect(await answer.json()).toMatchObject({ error: { code: 1020 } });
      }
    }
    expect(await status({})).toBe(200);
  });
});
