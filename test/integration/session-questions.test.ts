import { describe, expect, test } from "bun:test";
import { tool } from "../../src/model/ports/in-process-upstream.testing.ts";
import { BOB, Events, HttpGateway, type JsonRpc, until } from "./http-gateway.ts";

const offer = {
  tools: [tool("echo")],
  prompts: [{ name: "greet" }],
  resources: [{ uri: "test://watched", name: "w" }],
};
const json = async (response: Response) => (await response.json()) as JsonRpc;

describe("a modern server behind a legacy client", () => {
  const asking = (question: object) => ({
    name: "s",
    offer,
    answer: (call: { params: { inputResponses?: unknown; requestState?: unknown } }) =>
      call.params.inputResponses === undefined
        ? {
            kind: "result",
            result: { resultType: "input_required", requestState: "inner", inputRequests: { who: question } },
            exact: false,
          }
        : {
            kind: "result",
            result: {
              content: [],
              structuredContent: { got: call.params.inputResponses, state: call.params.requestState },
            },
            exact: false,
          },
  });
  const elicitation = {
    method: "elicitation/create",
    params: {
      message: "Name?",
      requestedSchema: { properties: { n: { default: 95.5, oneOf: [{ const: "a", title: "A" }] } } },
    },
  };

  test("each question is a request on the call's own stream, and the call goes on with the answers", async () => {
    await using http = new HttpGateway([asking(elicitation) as never]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    const events = new Events(await client.request("tools/call", { name: "s__echo" }, { id: 9 }));
    const question = await events.message();
    expect(question).toMatchObject(elicitation as never);
    const answer = { action: "accept", content: { n: 1 } };
    expect((await client.post({ jsonrpc: "2.0", id: question?.id, result: answer })).status).toBe(202);
    const [final, ...more] = await events.rest();
    expect(more).toEqual([]);
    expect(final).toEqual({
      jsonrpc: "2.0",
      id: 9,
      result: { content: [], structuredContent: { got: { who: answer }, state: "inner" } },
    } as never);
    expect(http.inner.records().map(({ kind }) => kind)).toEqual([
      "call_intent",
      "call_outcome",
      "call_intent",
      "call_outcome",
    ]);
  });

  test("a client that declared no such capability is not asked", async () => {
    await using http = new HttpGateway([asking(elicitation) as never]);
    const client = await http.legacy();
    expect((await json(await client.request("tools/call", { name: "s__echo" }))).error?.code).toBe(1036);
  });

  test("its refusal ends the call, another session's answer does not", async () => {
    await using http = new HttpGateway([asking(elicitation) as never]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    const other = await http.legacy({ key: BOB, capabilities: { elicitation: {} } });
    const events = new Events(await client.request("tools/call", { name: "s__echo" }));
    const question = await events.message();
    expect(
      (await other.post({ jsonrpc: "2.0", id: question?.id, result: { action: "accept" } })).status,
    ).toBe(202);
    await client.post({ jsonrpc: "2.0", id: question?.id, error: { code: -1, message: "declined" } });
    const [final] = await events.rest();
    expect(final?.error).toMatchObject({ code: 1037, data: { error: { code: -1, message: "declined" } } });
  });

  test("a server that asks without end is stopped", async () => {
    await using http = new HttpGateway([
      {
        name: "s",
        answer: () => ({
          kind: "result",
          result: { resultType: "input_required", inputRequests: { who: elicitation as never } },
          exact: false,
        }),
      },
    ]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    const events = new Events(await client.request("tools/call", { name: "s__echo" }));
    let questions = 0;
    for (let one = await events.message(); one !== undefined; one = await events.message()) {
      if (one.method === undefined) {
        expect(one.error?.code).toBe(1053);
        continue;
      }
      questions++;
      await client.post({ jsonrpc: "2.0", id: one.id, result: { action: "accept" } });
    }
    expect(questions).toBe(8);
  });

  test("a client that knows forms is not asked to open a URL, one that knows URLs gets an id with it", async () => {
    const url = {
      method: "elicitation/create",
      params: { mode: "url", url: "https://a.example/", message: "m" },
    };
    await using http = new HttpGateway([asking(url) as never]);
    const forms = await http.legacy({ capabilities: { elicitation: {} } });
    expect((await json(await forms.request("tools/call", { name: "s__echo" }))).error).toMatchObject({
      code: 1036,
      message: expect.stringContaining("elicitation.url"),
    });
    const urls = await http.legacy({ capabilities: { elicitation: { url: {} } } });
    const events = new Events(await urls.request("tools/call", { name: "s__echo" }));
    const question = await events.message();
    expect(question?.params).toEqual({ ...url.params, elicitationId: expect.any(String) as never });
    await urls.post({ jsonrpc: "2.0", id: question?.id, result: { action: "accept" } });
    expect((await events.rest())[0]?.result).toMatchObject({
      structuredContent: { got: { who: { action: "accept" } } },
    });
  });

  test("a prompt and a resource may ask as a tool may", async () => {
    await using http = new HttpGateway([asking(elicitation) as never]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    for (const [method, params] of [
      ["prompts/get", { name: "s__greet" }],
      ["resources/read", { uri: "test://watched" }],
    ] as const) {
      const events = new Events(await client.request(method, params));
      const question = await events.message();
      await client.post({ jsonrpc: "2.0", id: question?.id, result: { action: "decline" } });
      expect((await events.rest())[0]?.result).toMatchObject({
        structuredContent: { got: { who: { action: "decline" } } },
      });
    }
  });

  test("a state without a question is brought back without an answer", async () => {
    const seen: unknown[] = [];
    await using http = new HttpGateway([
      {
        name: "s",
        answer: ({ params }) => {
          seen.push([params.requestState, params.inputResponses]);
          const result =
            params.requestState === undefined
              ? { resultType: "input_required", requestState: "later" }
              : { content: [] };
          return { kind: "result", result, exact: false };
        },
      },
    ]);
    const client = await http.legacy();
    expect((await json(await client.request("tools/call", { name: "s__echo" }))).result).toEqual({
      content: [],
    });
    expect(seen).toEqual([
      [undefined, undefined],
      ["later", undefined],
    ]);
  });

  test("a cancelled call ends while its client is asked, and takes its question back", async () => {
    await using http = new HttpGateway([asking(elicitation) as never]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    const events = new Events(await client.request("tools/call", { name: "s__echo" }, { id: 7 }));
    const question = await events.message();
    await client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } });
    expect(await events.message()).toEqual({
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: question?.id },
    } as never);
    expect((await events.rest()).map(({ id, error }) => [id, error?.code])).toEqual([[7, 1032]]);
    expect(http.inner.upstream("s").calls).toHaveLength(1);
  });

  test("of two questions one refused takes the other back; a hundred such calls leave no question behind", async () => {
    await using http = new HttpGateway([
      {
        name: "s",
        answer: () => ({
          kind: "result",
          result: {
            resultType: "input_required",
            inputRequests: { one: elicitation as never, two: elicitation as never },
          },
          exact: false,
        }),
      },
    ]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    for (let n = 0; n < 100; n++) {
      const events = new Events(await client.request("tools/call", { name: "s__echo" }));
      const one = await events.message();
      const two = await events.message();
      await client.post({ jsonrpc: "2.0", id: one?.id, error: { code: -1, message: "no" } });
      const [back, final] = await events.rest();
      expect(back).toMatchObject({
        method: "notifications/cancelled",
        params: { requestId: two?.id },
      } as never);
      expect(final?.error?.code).toBe(1037);
    }
  });

  test("ending the session ends the question", async () => {
    await using http = new HttpGateway([asking(elicitation) as never]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    const events = new Events(await client.request("tools/call", { name: "s__echo" }));
    await events.message();
    expect((await client.delete()).status).toBe(204);
    expect(await events.rest()).toEqual([]);
    await until("nobody waits", () => http.waiting.size === 0);
  });
});

describe("an older server behind a legacy client", () => {
  test("that ends its call without the answer it asked for: the question is taken back", async () => {
    await using http = new HttpGateway([
      {
        name: "s",
        answer: async (call) => {
          void call.ask({ r: { method: "roots/list", params: {} } }).catch(() => {});
          await Bun.sleep(10);
          return { kind: "result", result: { content: [] }, exact: false };
        },
      },
    ]);
    const client = await http.legacy({ capabilities: { roots: {} } });
    const events = new Events(await client.request("tools/call", { name: "s__echo" }, { id: 3 }));
    const question = await events.message();
    expect(question?.method).toBe("roots/list");
    const [back, final] = await events.rest();
    expect(back).toMatchObject({
      method: "notifications/cancelled",
      params: { requestId: question?.id },
    } as never);
    expect(final).toEqual({ jsonrpc: "2.0", id: 3, result: { content: [] } } as never);
  });
});
