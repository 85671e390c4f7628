import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import {
  channelContext,
  failure,
  Observer,
  said,
  serverDefinition,
  stdio,
  type TestCall,
  testCall,
  tool,
  until,
} from "../../../../test/fixtures/children/harness.ts";
import { GatewayError } from "../../../errors/gateway-error.ts";
import type { ClientContext, Outcome } from "../../../model/call.ts";
import { Cancellation } from "../../../model/cancellation.ts";
import type { ServerDefinition } from "../../../model/server.ts";
import { stringify } from "../../../protocol/json.ts";
import type { JsonObject } from "../../../protocol/json-value.ts";
import type { Connection } from "../connection.ts";
import { UpstreamCounters } from "../counters.ts";
import { connectStdio } from "../stdio/connect-stdio.ts";
import { LocalChildHost } from "../stdio/local-child-host.ts";
import type { ChannelSettings } from "./settings.ts";

const root = resolve(import.meta.dir, "../../../..");
const context = channelContext();
const host = new LocalChildHost(process.env, context.log);
let open: Connection[] = [];
afterEach(async () => {
  await Promise.all(open.map((connection) => connection.close()));
  open = [];
});
afterAll(() => host.close());

interface About {
  readonly capabilities?: JsonObject;
  readonly answer?: JsonObject;
  readonly server?: Partial<ServerDefinition>;
  readonly settings?: Partial<ChannelSettings>;
}

async function connect(file: string, args: readonly string[], about: About) {
  const observer = new Observer(about.capabilities, about.answer);
  const counters = new UpstreamCounters();
  const connection = await connectStdio(
    serverDefinition(stdio(process.execPath, [`${root}/test/fixtures/${file}`, ...args]), about.server),
    observer.request,
    { counters },
    { ...context, settings: { ...context.settings, ...about.settings }, childHost: host },
  );
  open.push(connection);
  return { connection, observer, counters };
}
const legacy = (about: About = {}) =>
  connect("children/scripted.ts", ["refuse"], { ...about, server: { protocol: "legacy", ...about.server } });
const modern = (about: About = {}) =>
  connect("everything.ts", ["--transport", "stdio", "--era", "modern"], about);

type Seen = { method: string; id?: number; params?: Record<string, unknown> }[];
const seenBy = async (connection: Connection) => said(await connection.request(tool("seen"))) as Seen;
const client = (about: Partial<ClientContext>): ClientContext => ({ ...tool("x").client, ...about });
const grantAll = { elicitation: { form: {} }, sampling: {}, roots: {} };

describe("a legacy server on one channel", () => {
  test("many calls at once each get their own answer, in any order", async () => {
    const { connection } = await legacy();
    const calls = Array.from({ length: 50 }, (_, value) =>
      connection
        .request(tool("wait", { ms: (50 - value) % 7 }))
        .then(() => connection.request(tool("echo", { value }))),
    );
    expect((await Promise.all(calls)).map(said)).toEqual(Array.from({ length: 50 }, (_, value) => value));
  });

  test("a call carries the client's own _meta, a token only where progress is wanted", async () => {
    const { connection } = await legacy();
    const call = testCall("tools/call", { name: "echo", arguments: {}, _meta: { traceparent: "00-a" } });
    const outcome = await connection.request(call);
    expect(outcome.kind === "result" && outcome.result.meta).toEqual({ traceparent: "00-a" });
    const bare = await connection.request(tool("echo"));
    expect(bare.kind === "result" && bare.result.meta).toBeUndefined();
  });

  test("progress reaches the call whose token it carries, without the token", async () => {
    const { connection, observer, counters } = await legacy();
    const wanting = tool("progress", {}, { wantsProgress: true });
    const other = tool("wait", { ms: 100 }, { wantsProgress: true });
    await Promise.all([connection.request(wanting), connection.request(other)]);
    expect(wanting.notified.map((one) => one.params)).toEqual(
      [1, 2, 3].map((progress) => ({ progress, total: 3 })),
    );
    expect(other.notified).toEqual([]);
    await connection.request(tool("progress"));
    expect(counters.droppedMessages).toBe(3);
    expect(observer.notifications).toEqual([]);
  });

  test("numbers that JSON.parse would change arrive as they were sent", async () => {
    const { connection } = await legacy();
    const outcome = await connection.request(tool("exact"));
    expect(outcome.kind === "result" && outcome.exact && stringify(outcome.result, true)).toBe(
      '{"content":[],"big":12345678901234567890}',
    );
  });

  test("characters cut apart by the pipe arrive whole", async () => {
    const { connection } = await legacy();
    expect(said(await connection.request(tool("split")))).toBe("grüße 🌍");
  });

  test("a definition nested too deep does not cost its page of the list", async () => {
    const { connection } = await legacy();
    const outcome = await connection.request(testCall("tools/list", {}));
    expect(outcome.kind).toBe("result");
  });

  test("errors of the server are outcomes", async () => {
    const { connection } = await legacy();
    const outcome = await connection.request(testCall("no/such", {}));
    expect(outcome).toEqual({
      kind: "error",
      error: { code: -32601, message: "Method not found" },
      exact: false,
    });
  });

  test("a call that is not answered fails at its deadline and is cancelled upstream", async () => {
    const { connection } = await legacy();
    const started = Date.now();
    const failed = await failure(connection.request(tool("never", {}, { timeoutMs: 1_000 })));
    expect(failed.code).toBe("upstream_timeout");
    expect(failed.message).toContain("1 s");
    expect(Date.now() - started).toBeGreaterThanOrEqual(1_000);
    expect(Date.now() - started).toBeLessThan(1_100);
    const seen = await seenBy(connection);
    const call = seen.find((message) => message.params?.name === "never");
    const cancelled = seen.find((message) => message.method === "notifications/cancelled");
    expect(cancelled?.params?.requestId).toBe(call?.id as number);
  });

  test.each([
    ["client_gone", "call_cancelled"],
    ["client_cancelled", "call_cancelled"],
    ["deadline", "upstream_timeout"],
    ["shutdown", "call_interrupted"],
  ] as const)(
    "a call cancelled because of %s ends as %s, its late answer is dropped",
    async (reason, code) => {
      const { connection } = await legacy();
      const cancellation = new Cancellation();
      const running = failure(connection.request(tool("wait", { ms: 50 }, { cancellation })));
      cancellation.cancel(reason);
      expect((await running).code).toBe(code);
      await Bun.sleep(100);
      expect((await seenBy(connection)).map((message) => message.method)).toContain(
        "notifications/cancelled",
      );
      expect((await failure(connection.request(tool("echo", {}, { cancellation })))).code).toBe(code);
    },
  );

  test("the log level is raised once, before the call that wants more", async () => {
    const { connection } = await legacy();
    const at = (logLevel: ClientContext["logLevel"]) => tool("echo", {}, { client: client({ logLevel }) });
    await connection.request(at("warning"));
    await Promise.all([connection.request(at("info")), connection.request(at("info"))]);
    await connection.request(at("error"));
    const seen = await seenBy(connection);
    const levels = seen.filter((message) => message.method === "logging/setLevel");
    expect(levels.map((message) => message.params?.level)).toEqual(["warning", "info"]);
    const order = seen.map((message) => message.method).filter((method) => /setLevel|tools/.test(method));
    expect(order.slice(0, 4)).toEqual(["logging/setLevel", "tools/call", "logging/setLevel", "tools/call"]);
  });

  test("log messages go to the only call under way as far as its client asked", async () => {
    const { connection, observer } = await legacy();
    const plain = tool("log");
    await connection.request(plain);
    expect(plain.notified.map((one) => one.params?.data)).toEqual(["fine", "grave"]);
    const picky = tool("log", {}, { client: client({ logLevel: "warning" }) });
    await connection.request(picky);
    expect(picky.notified.map((one) => one.params?.data)).toEqual(["grave"]);
    const silent = tool("log", {}, { client: client({ era: "modern" }) });
    await connection.request(silent);
    expect(silent.notified).toEqual([]);
    expect(observer.notifications).toEqual([]);
    const beside = tool("wait", { ms: 100 });
    await Promise.all([connection.request(beside), connection.request(tool("log"))]);
    expect(beside.notified).toEqual([]);
    expect(observer.notifications.map((one) => one.params?.data)).toEqual(["fine", "grave"]);
  });

  test("a session that principals share never guesses whose log message it is", async () => {
    const { connection, observer } = await legacy({ server: { sharing: "shared" } });
    const call = tool("log");
    await connection.request(call);
    expect(call.notified).toEqual([]);
    expect(observer.notifications).toHaveLength(2);
  });

  test("subscriptions are the server's own; a refusal is an error", async () => {
    const { connection, observer } = await legacy();
    await connection.subscribe("test://yes");
    await until(() => observer.notifications.length > 0);
    expect(observer.notifications[0]).toMatchObject({
      method: "notifications/resources/updated",
      params: { uri: "test://yes" },
    });
    await connection.unsubscribe("test://yes");
    expect((await failure(connection.subscribe("test://no"))).code).toBe("invalid_params");
  });

  test("ping asks the server", async () => {
    const { connection } = await legacy();
    await connection.ping(1_000);
    expect((await seenBy(connection)).map((message) => message.method)).toContain("ping");
  });
});

describe("questions of a legacy server", () => {
  const asking = (
    about: Parameters<typeof tool>[2] & { method?: string; afterMs?: number } = {},
  ): TestCall => {
    const { method = "elicitation/create", afterMs = 0, ...rest } = about;
    return tool("ask", { method, message: "sure?", afterMs }, rest);
  };
  const accept = { action: "accept", content: { a: 1 } };

  test("the only call under way is asked, and the answer goes back", async () => {
    const { connection, observer } = await legacy({ capabilities: grantAll });
    const call = asking({ capabilities: grantAll, answer: accept });
    expect(said(await connection.request(call))).toEqual(accept);
    expect(Object.values(call.asked[0] ?? {})).toEqual([
      { method: "elicitation/create", params: { message: "sure?" } },
    ]);
    expect(observer.questions).toEqual([]);
  });

  test("among several calls the one started last that can answer is asked", async () => {
    const { connection } = await legacy({ capabilities: grantAll });
    const first = asking({ afterMs: 100, capabilities: grantAll, answer: { action: "first" } });
    const second = tool("wait", { ms: 300 }, { capabilities: grantAll, answer: { action: "second" } });
    const third = tool("wait", { ms: 300 }, { capabilities: {} });
    const [outcome] = await Promise.all([first, second, third].map((call) => connection.request(call)));
    expect(said(outcome as Outcome)).toEqual({ action: "second" });
    expect(third.asked).toEqual([]);
  });

  test("of several questions each goes to a call that is not being asked yet", async () => {
    const { connection } = await legacy({ capabilities: grantAll });
    const answerLater = async (answer: JsonObject) => {
      await Bun.sleep(150);
      return answer;
    };
    const asked = ["first", "second"].map((action) =>
      asking({
        capabilities: grantAll,
        ask: async (requests) =>
          Object.fromEntries(
            await Promise.all(Object.keys(requests).map(async (key) => [key, await answerLater({ action })])),
          ),
      }),
    );
    const outcomes = await Promise.all(asked.map((call) => connection.request(call)));
    expect(new Set(outcomes.map((outcome) => JSON.stringify(said(outcome))))).toEqual(
      new Set(['{"action":"first"}', '{"action":"second"}']),
    );
  });

  test("without a call the session is asked; a ping is answered at once", async () => {
    const { connection, observer } = await legacy({ capabilities: grantAll, answer: { roots: [] } });
    connection.notify({ jsonrpc: "2.0", method: "notifications/ask-outside" });
    connection.notify({ jsonrpc: "2.0", method: "notifications/ping-me" });
    await until(() => observer.questions.length > 0);
    expect(Object.values(observer.questions[0] ?? {})[0]?.method).toBe("roots/list");
  });

  test("what was not declared, and what is no question, is refused", async () => {
    const { connection } = await legacy({ capabilities: { roots: {} } });
    for (const method of ["elicitation/create", "sampling/createMessage", "tools/list"]) {
      const call = asking({ method, capabilities: grantAll });
      expect(said(await connection.request(call))).toMatchObject({ code: -32601 });
      expect(call.asked).toEqual([]);
    }
  });

  test("a client that cannot answer becomes an error to the server", async () => {
    const { connection } = await legacy({ capabilities: grantAll });
    const call = asking({
      ask: () => Promise.reject(new GatewayError("client_cannot_answer", { capability: "elicitation" })),
    });
    expect(said(await connection.request(call))).toMatchObject({ code: 1036 });
  });

  test("the time a question spends with the client is not the server's", async () => {
    const { connection } = await legacy({ capabilities: grantAll });
    const call = asking({
      timeoutMs: 300,
      ask: async (requests) => {
        await Bun.sleep(700);
        return Object.fromEntries(Object.keys(requests).map((key) => [key, accept]));
      },
    });
    expect(said(await connection.request(call))).toEqual(accept);
  });
});

describe("a server that misbehaves", () => {
  test("a broken answer fails its call at once", async () => {
    const { connection, counters } = await legacy();
    for (const name of ["broken", "shapeless"]) {
      expect((await failure(connection.request(tool(name)))).code).toBe("upstream_protocol_error");
    }
    expect(counters.droppedMessages).toBe(2);
    expect(said(await connection.request(tool("echo", { value: 1 })))).toBe(1);
  });

  test("a stray line on stdout is dropped", async () => {
    const { connection } = await legacy();
    expect(said(await connection.request(tool("stray")))).toBe("after");
  });

  test("garbage three times in a row loses the connection", async () => {
    const { connection, observer } = await legacy();
    const failed = await failure(connection.request(tool("garbage")));
    expect(failed).toMatchObject({ code: "upstream_lost" });
    expect(failed.reason).toContain("garbage");
    expect(observer.losses).toHaveLength(1);
  });

  test("a line past the bound loses the connection", async () => {
    const { connection, observer } = await legacy({ settings: { messageBytesMax: 100_000 } });
    const failed = await failure(connection.request(tool("huge", { bytes: 200_000 })));
    expect(failed).toMatchObject({ code: "upstream_lost" });
    expect(observer.losses[0]?.reason).toContain("exceeds 100000 bytes");
  });
});

describe("a modern server over stdio", () => {
  test("lists, calls, errors and liveness", async () => {
    const { connection } = await modern();
    expect(connection).toMatchObject({ era: "modern", revision: "2026-07-28" });
    expect(connection.serverInfo).toBeDefined();
    const listed = await connection.request(testCall("tools/list", {}));
    expect(listed.kind === "result" && Array.isArray(listed.result.tools)).toBe(true);
    const outcome = await connection.request(tool("test_simple_text"));
    expect(outcome).toMatchObject({ kind: "result", result: { resultType: "complete" } });
    expect((await connection.request(testCall("no/such", {}))).kind).toBe("error");
    await connection.ping(2_000);
  });

  test("progress and log messages reach their call", async () => {
    const { connection } = await modern();
    const progress = tool("test_tool_with_progress", {}, { wantsProgress: true });
    await connection.request(progress);
    expect(progress.notified.map((one) => one.method)).toContain("notifications/progress");
    expect(progress.notified[0]?.params).not.toHaveProperty("progressToken");
    const logging = tool(
      "test_tool_with_logging",
      {},
      { client: client({ era: "modern", logLevel: "debug" }) },
    );
    await connection.request(logging);
    expect(logging.notified.map((one) => one.method)).toContain("notifications/message");
  });

  test("a question is an outcome, and only for a client that can answer it", async () => {
    const { connection } = await modern();
    const able = tool(
      "test_input_required_result_elicitation",
      {},
      { capabilities: { elicitation: { form: {} } } },
    );
    expect(await connection.request(able)).toMatchObject({ result: { resultType: "input_required" } });
    const failed = await failure(connection.request(tool("test_missing_capability")));
    expect(failed.code).toBe("missing_client_capability");
  });

  test("changed lists and subscribed resources are heard, without the hop's subscription id", async () => {
    const { connection, observer } = await modern();
    await connection.subscribe("test://watched-resource");
    await connection.request(tool("test_trigger_tool_change"));
    await until(() => observer.notifications.length > 0);
    expect(observer.notifications[0]?.method).toBe("notifications/tools/list_changed");
    expect(JSON.stringify(observer.notifications)).not.toContain("subscriptionId");
    await connection.unsubscribe("test://watched-resource");
  });

  test("a call past its deadline is cancelled and the channel lives on", async () => {
    const { connection } = await modern();
    const call = tool("test_reconnection", {}, { timeoutMs: 1 });
    const slow = tool("test_tool_with_progress", {}, { timeoutMs: 1 });
    const codes = await Promise.all([call, slow].map((one) => failure(connection.request(one))));
    expect(codes.map((one) => one.code)).toContain("upstream_timeout");
    expect((await connection.request(tool("test_simple_text"))).kind).toBe("result");
  });
});
