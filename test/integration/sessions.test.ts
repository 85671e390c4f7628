import { describe, expect, test } from "bun:test";
import { tool } from "../../src/model/ports/in-process-upstream.testing.ts";
import { ALICE, BOB, HttpGateway, type JsonRpc, SharedLedger } from "./http-gateway.ts";

const offer = {
  tools: [tool("echo")],
  prompts: [{ name: "greet" }],
  resources: [{ uri: "test://watched", name: "w" }],
};
const oneServer = (options = {}) => new HttpGateway([{ name: "s", offer }], options);
const json = async (response: Response) => (await response.json()) as JsonRpc;

describe("the handshake", () => {
  test.each(["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])("%s is agreed", async (revision) => {
    await using http = oneServer();
    const client = await http.legacy({ revision });
    expect(client.initialized).toMatchObject({
      protocolVersion: revision,
      serverInfo: { name: "mcp-gateway" },
    });
    expect(client.sessionId).toMatch(/^[\x21-\x7e]{1,1024}$/);
    const listed = await json(
      await client.request("tools/list", {}, { headers: { "mcp-protocol-version": revision } }),
    );
    expect(listed.result).toEqual({ tools: [{ ...tool("echo"), name: "s__echo" }] });
  });

  test("another revision is answered with our newest", async () => {
    await using http = oneServer();
    expect((await http.legacy({ revision: "1999-01-01" })).initialized.protocolVersion).toBe("2025-11-25");
  });

  test("headers of the modern revision do not matter to it, a version header may be there or not", async () => {
    await using http = oneServer();
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "c", version: "1" },
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params });
    for (const extra of [
      {},
      { "mcp-protocol-version": "2025-11-25", "mcp-method": "initialize" },
      { "mcp-protocol-version": "2025-11-25", "mcp-method": "something/else", "mcp-name": "x" },
    ]) {
      const response = await http.send(
        "POST",
        { "content-type": "application/json", ...extra } as never,
        body,
      );
      expect([response.status, response.headers.get("mcp-session-id")]).toEqual([200, expect.any(String)]);
    }
  });

  test("its id stays short however much a client says of itself", async () => {
    await using http = oneServer();
    const client = await http.legacy({
      capabilities: { elicitation: { form: {}, note: "x".repeat(5_000) }, other: { y: 1 } },
    });
    expect(client.sessionId.length).toBeLessThanOrEqual(1_024);
    expect((await client.request("ping")).status).toBe(200);
  });

  test("notifications are accepted with nothing", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    const headers = { origin: `http://localhost:${http.port}` };
    const response = await client.post({ jsonrpc: "2.0", method: "notifications/initialized" }, { headers });
    expect([response.status, await response.text()]).toEqual([202, ""]);
  });
});

describe("a session's life", () => {
  test("holds nothing once it has ended, its streams' minute of grace included", async () => {
    const original = { setTimeout, clearTimeout };
    const graces = new Set<unknown>();
    const counted = (run: () => void, ms?: number) => {
      const timer = original.setTimeout(run, ms);
      if (ms === 60_000) graces.add(timer);
      return timer;
    };
    const cleared = (timer: Timer) => {
      graces.delete(timer);
      original.clearTimeout(timer);
    };
    Object.assign(globalThis, { setTimeout: counted, clearTimeout: cleared });
    try {
      await using http = oneServer();
      const client = await http.legacy();
      // Each takes the place of the one before, which is kept for whoever comes back.
      for (let n = 0; n < 3; n++) expect((await client.get()).status).toBe(200);
      expect(graces.size).toBe(2);
      expect((await client.delete()).status).toBe(204);
      expect(graces.size).toBe(0);
    } finally {
      Object.assign(globalThis, original);
    }
  });

  test("ends with DELETE, at once and everywhere", async () => {
    const ledger = new SharedLedger();
    await using http = oneServer({ ledger });
    await using other = oneServer({ ledger });
    const client = await http.legacy();
    expect((await client.request("ping")).status).toBe(200);
    expect((await client.delete()).status).toBe(204);
    for (const again of [() => client.request("ping"), () => client.get(), () => client.delete()]) {
      const response = await again();
      expect([response.status, (await json(response)).error?.code]).toEqual([404, 1021]);
    }
    const there = await other.send(
      "POST",
      { "content-type": "application/json", "mcp-session-id": client.sessionId },
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    );
    expect(there.status).toBe(404);
  });

  test("goes on in another process with the same key, and there knows the client's revision and capabilities", async () => {
    const ledger = new SharedLedger();
    await using http = oneServer({ ledger });
    await using other = oneServer({ ledger });
    const client = await http.legacy({ revision: "2025-06-18", capabilities: { elicitation: {} } });
    const head = { "content-type": "application/json", "mcp-session-id": client.sessionId };
    const call = (id: number) =>
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"s__echo"}}`;
    const answers = await Promise.all([1, 2, 3].map((id) => other.send("POST", head, call(id))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(other.sessions.size).toBe(1);
    expect(other.inner.upstream("s").calls[0]?.client).toMatchObject({
      era: "legacy",
      revision: "2025-06-18",
      capabilities: { elicitation: {} },
    });
  });

  test.each([
    ["another principal", { key: BOB }],
    ["another endpoint", { path: "/servers/s/mcp" }],
  ])("%s finds nothing under its id", async (_what, over) => {
    await using http = oneServer();
    const client = await http.legacy({ key: ALICE });
    const response = await client.request("tools/list", {}, over);
    expect([response.status, (await json(response)).error?.code]).toEqual([404, 1021]);
    expect((await client.request("tools/list")).status).toBe(200);
  });

  test("a path that means the same endpoint is the same endpoint", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    expect((await client.request("ping", {}, { path: "/namespaces/default/mcp" })).status).toBe(200);
  });

  test("a changed or invented id is unknown, none at all is asked for", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    const id = client.sessionId;
    const status = async (sessionId: string) =>
      (await client.request("ping", {}, { headers: { "mcp-session-id": sessionId } })).status;
    for (const bad of [
      `${id}x`,
      id.slice(1),
      id.slice(0, -1),
      `${id.slice(0, -2)}AA`,
      "x",
      crypto.randomUUID(),
    ]) {
      expect(await status(bad)).toBe(404);
    }
    expect(await status("")).toBe(400);
    const none = await http.send(
      "POST",
      { "content-type": "application/json" },
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    );
    expect([none.status, (await json(none)).error?.code]).toEqual([400, 1020]);
  });

  test("one too many takes the place of one that waits for nothing, and that one comes back by its id", async () => {
    await using http = oneServer({ sessionsMax: 2 });
    const clients = [await http.legacy(), await http.legacy(), await http.legacy()];
    expect(http.sessions.size).toBe(2);
    for (const client of clients) expect((await client.request("ping")).status).toBe(200);
  });

  test("where all have open streams, one more is refused", async () => {
    await using http = oneServer({ sessionsMax: 1 });
    const client = await http.legacy();
    const stream = await client.get();
    expect(stream.status).toBe(200);
    const refused = await http.send(
      "POST",
      { "content-type": "application/json" },
      '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}',
    );
    expect([refused.status, (await json(refused)).id as unknown]).toEqual([503, 0]);
    await stream.body?.cancel();
  });

  test("is forgotten a day after its client was last heard, and its subscriptions with it", async () => {
    const clock = { at: 1_000_000, now: () => clock.at };
    await using http = oneServer({ clock });
    const client = await http.legacy();
    await client.request("resources/subscribe", { uri: "test://watched" });
    expect(http.inner.upstream("s").subscribed).toEqual(["test://watched"]);
    http.sessions.sweep();
    expect(http.sessions.size).toBe(1);
    clock.at += 24 * 3_600_000 + 1;
    http.sessions.sweep();
    expect(http.sessions.size).toBe(0);
    expect(http.inner.upstream("s").subscribed).toEqual([]);
  });
});
