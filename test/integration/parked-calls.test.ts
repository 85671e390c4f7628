import { describe, expect, test } from "bun:test";
import type { Outcome, UpstreamCall } from "../../src/model/call.ts";
import { Cancellation } from "../../src/model/cancellation.ts";
import type { ExchangeInit } from "../../src/model/exchange.ts";
import type { CallContentEntry } from "../../src/model/log-entry.ts";
import { type Answering, tool } from "../../src/model/ports/in-process-upstream.testing.ts";
import { samplePrincipal } from "../../src/model/sample-exchange.testing.ts";
import type { ServerDefinition } from "../../src/model/server.ts";
import { openContent } from "../../src/policy/record/sealed-content.ts";
import type { JsonObject, JsonValue } from "../../src/protocol/json-value.ts";
import { type GatewayOptions, InProcessGateway, sealerOfOneKey } from "./in-process-gateway.ts";

const FORM = {
  method: "elicitation/create",
  params: { message: "Name?", requestedSchema: { type: "object", properties: {} } },
};
const ROOTS = { method: "roots/list", params: {} };
const client = {
  era: "modern",
  revision: "2026-07-28",
  capabilities: { elicitation: {}, roots: {} },
  info: undefined,
  logLevel: undefined,
  sessionId: undefined,
} as const;
const params = { name: "s__echo", arguments: { n: 1 } };

/** A legacy server: it asks in the middle of its calls. */
function legacy(
  answer: Answering,
  options: GatewayOptions = {},
  over: Partial<ServerDefinition> = {},
): InProcessGateway {
  const served = { name: "s", answer, offer: { tools: [tool("echo")] }, over };
  const gateway = new InProcessGateway([served], options);
  gateway.upstream("s").era = "legacy";
  return gateway;
}
const resultOf = (outcome: Outcome) => (outcome as { result: JsonObject }).result;
const done = (value: JsonValue): Outcome => ({
  kind: "result",
  result: { content: [], structuredContent: value },
  exact: false,
});
const asks = (gateway: InProcessGateway, over: Partial<ExchangeInit> = {}) =>
  gateway.handle({ params, client, ...over }).then(resultOf);
const retry = (
  gateway: InProcessGateway,
  asked: JsonObject,
  answers: JsonObject | undefined,
  over: Partial<ExchangeInit> = {},
) =>
  asks(gateway, {
    ...over,
    params: {
      ...params,
      ...(answers && { inputResponses: answers }),
      requestState: asked.requestState as string,
    },
  });
const keysOf = (asked: JsonObject) => Object.keys(asked.inputRequests as JsonObject);
const acceptAll = (asked: JsonObject, content: JsonObject = {}) =>
  Object.fromEntries(keysOf(asked).map((key) => [key, { action: "accept", content }]));
const askOne: Answering = async (call) => done((await call.ask({ who: FORM })) as JsonObject);
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !holds(); i++) await Bun.sleep(1);
  expect(holds()).toBe(true);
}

describe("a legacy server asks a modern client in the middle of a call", () => {
  test("the request ends with the question, the retry takes the same call up again", async () => {
    await using gateway = legacy(askOne);
    const asked = await asks(gateway);
    expect(asked.resultType).toBe("input_required");
    expect(Object.values(asked.inputRequests as JsonObject)).toEqual([FORM]);
    expect(gateway.gateway.parked).toBe(1);
    const answer = { action: "accept", content: { name: "Ada" } };
    const end = await retry(gateway, asked, { [keysOf(asked)[0] as string]: answer });
    expect(end.structuredContent).toEqual({ who: answer });
    expect(gateway.upstream("s").calls).toHaveLength(1);
    expect(gateway.gateway.parked).toBe(0);
  });

  test("the record: one intent, the round asked and answered, one outcome", async () => {
    await using gateway = legacy(askOne);
    const asked = await asks(gateway, { id: "first-request-id" });
    await retry(gateway, asked, acceptAll(asked), { id: "second-request-id" });
    const records = gateway.records();
    expect(records.map(({ kind, body }) => [kind, body.action ?? body.status ?? null])).toEqual([
      ["call_intent", null],
      ["call_round", "call.asked"],
      ["call_round", "call.answered"],
      ["call_outcome", "ok"],
    ]);
    const [intent, askedRecord, answered, outcome] = records.map(({ body }) => body);
    expect(outcome?.callId).toBe(intent?.callId);
    expect(askedRecord).toMatchObject({
      correlationId: "first-request-id",
      target: "s:echo",
      detail: { callId: intent?.callId as string, round: 1 },
    });
    expect(answered).toMatchObject({ correlationId: "second-request-id" });
  });

  test("what is said: arguments once, the answers of each round without what they hold, the result", async () => {
    const twice: Answering = async (call) => {
      await call.ask({ who: FORM });
      return askOne(call);
    };
    await using gateway = legacy(twice, {}, { auditContent: "redacted" });
    const first = await asks(gateway);
    const second = await retry(gateway, first, acceptAll(first, { name: "Ada Lovelace" }));
    await retry(gateway, second, acceptAll(second, { name: "Grace Hopper" }));
    const records = gateway.records();
    expect(records.map(({ kind, body }) => body.part ?? kind)).toEqual([
      ...["arguments", "call_intent", "call_round", "call_round", "answers"],
      ...["call_round", "call_round", "answers", "result", "call_outcome"],
    ]);
    const said = records
      .filter(({ kind }) => kind === "call_content")
      .map(({ body }) => openContent(sealerOfOneKey(), body as unknown as CallContentEntry).value);
    const blank = { who: { action: "accept", content: { name: "[redacted]" } } };
    expect(said).toEqual([{ n: 1 }, blank, blank, { content: [], structuredContent: blank }]);
  });

  test("questions asked together go out together; later ones in the next round", async () => {
    await using gateway = legacy(async (call) => {
      const first = await Promise.all([call.ask({ who: FORM }), call.ask({ roots: ROOTS })]);
      const second = await call.ask({ again: FORM });
      return done({ first, second } as never);
    });
    const one = await asks(gateway);
    expect(Object.values(one.inputRequests as JsonObject)).toEqual([FORM, ROOTS]);
    const two = await retry(gateway, one, acceptAll(one, { round: 1 }));
    expect(Object.values(two.inputRequests as JsonObject)).toEqual([FORM]);
    expect(keysOf(one)).not.toContain(keysOf(two)[0]);
    const end = await retry(gateway, two, acceptAll(two, { round: 2 }));
    expect(end.structuredContent).toMatchObject({ second: { again: { content: { round: 2 } } } });
  });

  test("an incomplete answer asks again for what is missing", async () => {
    await using gateway = legacy(async (call) =>
      done((await call.ask({ who: FORM, roots: ROOTS })) as JsonObject),
    );
    const one = await asks(gateway);
    const [first, second] = keysOf(one) as [string, string];
    const two = await retry(gateway, one, { [first]: { action: "decline" } });
    expect(keysOf(two)).toEqual([second]);
    const end = await retry(gateway, two, { [second]: { roots: [] } });
    expect(end.structuredContent).toEqual({ who: { action: "decline" }, roots: { roots: [] } });
  });

  test("the same retry again gets the same result; another answer to the same round is refused", async () => {
    await using gateway = legacy(askOne);
    const asked = await asks(gateway);
    const answers = acceptAll(asked, { n: 1 });
    const [one, two] = await Promise.all([retry(gateway, asked, answers), retry(gateway, asked, answers)]);
    expect(two).toEqual(one);
    expect(await retry(gateway, asked, answers)).toEqual(one);
    await expect(retry(gateway, asked, acceptAll(asked, { n: 2 }))).rejects.toMatchObject({
      code: "invalid_params",
    });
    expect(gateway.upstream("s").calls).toHaveLength(1);
  });

  test("what the server says while the client is away is kept for the retry", async () => {
    const progress = (n: number) =>
      ({ jsonrpc: "2.0", method: "notifications/progress", params: { progress: n } }) as const;
    let call: UpstreamCall | undefined;
    await using gateway = legacy(async (given) => {
      call = given;
      given.notify(progress(0));
      return done((await given.ask({ who: FORM })) as JsonObject);
    });
    const before: unknown[] = [];
    const asked = await asks(gateway, { notify: (notification) => before.push(notification.params) });
    for (let n = 1; n <= 120; n++) call?.notify(progress(n));
    const after: unknown[] = [];
    await retry(gateway, asked, acceptAll(asked), {
      notify: (notification) => after.push(notification.params),
    });
    expect(before).toEqual([{ progress: 0 }]);
    expect(after).toEqual(Array.from({ length: 100 }, (_, n) => ({ progress: n + 1 })));
  });

  test("of long notifications fewer are kept", async () => {
    let call: UpstreamCall | undefined;
    await using gateway = legacy(async (given) => {
      call = given;
      return done((await given.ask({ who: FORM })) as JsonObject);
    });
    const asked = await asks(gateway);
    for (let n = 0; n < 20; n++)
      call?.notify({
        jsonrpc: "2.0",
        method: "notifications/message",
        params: { n, data: "x".repeat(10_000) },
      });
    const heard: unknown[] = [];
    await retry(gateway, asked, acceptAll(asked), {
      notify: ({ params: said }) => heard.push(said?.n),
    });
    expect(heard).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("results nobody has fetched are kept up to a bound, the oldest goes first", async () => {
    let end: () => void = () => {};
    await using gateway = legacy(async (call) => {
      call.ask({ who: FORM }).catch(() => {});
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return { ...done(null), bytes: 20 * 1024 * 1024 } as Outcome;
    });
    const unfetched: JsonObject[] = [];
    for (let n = 0; n < 2; n++) {
      unfetched.push(await asks(gateway));
      end();
      await until(() => gateway.gateway.parked === 0);
    }
    const [first, second] = unfetched as [JsonObject, JsonObject];
    await expect(retry(gateway, first, acceptAll(first))).rejects.toMatchObject({ code: "call_lost" });
    expect(await retry(gateway, second, acceptAll(second))).toMatchObject({ structuredContent: null });
    expect(gateway.upstream("s").calls).toHaveLength(2);
  });

  test("a state belongs to its caller, its tool and its arguments", async () => {
    await using gateway = legacy(askOne);
    const asked = await asks(gateway);
    const answers = { inputResponses: acceptAll(asked), requestState: asked.requestState as string };
    const refused = { code: "invalid_params" };
    await expect(
      asks(gateway, { params: { ...params, ...answers }, principal: samplePrincipal({ id: "key:mallory" }) }),
    ).rejects.toMatchObject(refused);
    await expect(
      asks(gateway, { params: { ...params, arguments: { n: 2 }, ...answers } }),
    ).rejects.toMatchObject(refused);
    await expect(
      asks(gateway, { params: { ...params, ...answers, requestState: `${answers.requestState}x` } }),
    ).rejects.toMatchObject(refused);
    expect(gateway.upstream("s").calls).toHaveLength(1);
    expect(await retry(gateway, asked, acceptAll(asked))).toMatchObject({ content: [] });
  });

  test("a call that is not known any more is lost, never run again", async () => {
    await using here = legacy(askOne);
    await using there = legacy(askOne);
    const asked = await asks(here);
    await expect(retry(there, asked, acceptAll(asked))).rejects.toMatchObject({ code: "call_lost" });
    expect(there.upstream("s").calls).toHaveLength(0);
  });
});

describe("who is not asked", () => {
  test("a client without the capability: the server is told, and nobody is asked", async () => {
    await using gateway = legacy((call) =>
      call.ask({ who: { method: "sampling/createMessage", params: {} } }).then(
        () => done(null),
        (thrown: unknown) => done({ refused: (thrown as { code: string }).code }),
      ),
    );
    expect((await asks(gateway)).structuredContent).toEqual({ refused: "client_cannot_answer" });
  });

  test("forms and URLs, and sampling with tools, are capabilities of their own", async () => {
    const url = {
      method: "elicitation/create",
      params: { mode: "url", url: "https://a.example", message: "m" },
    };
    const tools = { method: "sampling/createMessage", params: { tools: [] } };
    for (const [question, capabilities] of [
      [url, { elicitation: {} }],
      [FORM, { elicitation: { url: {} } }],
      [tools, { sampling: {} }],
    ] as const) {
      await using gateway = legacy(async (call) => done((await call.ask({ q: question })) as JsonObject));
      const attempt = asks(gateway, { client: { ...client, capabilities } });
      await expect(attempt).rejects.toMatchObject({ code: "client_cannot_answer" });
    }
    await using gateway = legacy(async (call) => done((await call.ask({ q: url })) as JsonObject));
    expect(
      await asks(gateway, { client: { ...client, capabilities: { elicitation: { url: {} } } } }),
    ).toMatchObject({ resultType: "input_required" });
  });

  test("past the bound on parked calls the server's question is refused", async () => {
    await using gateway = legacy(askOne, { parkedLimits: { callsPerPrincipalMax: 2 } });
    const parked = await Promise.all([asks(gateway), asks(gateway)]);
    await expect(asks(gateway)).rejects.toMatchObject({ code: "overloaded" });
    expect(await asks(gateway, { principal: samplePrincipal({ id: "key:other" }) })).toMatchObject({
      resultType: "input_required",
    });
    await retry(gateway, parked[0] as JsonObject, acceptAll(parked[0] as JsonObject));
    expect(await asks(gateway)).toMatchObject({ resultType: "input_required" });
  });
});

describe("how a parked call ends without its client", () => {
  /** Ends when cancelled, as a connector does. */
  const cancellable: Answering = (call) =>
    new Promise((resolve, reject) => {
      call.cancellation.onCancel((reason) => reject(new Error(reason)));
      call.ask({ who: FORM }).then((answer) => resolve(done(answer as JsonObject)), reject);
    });

  test("a client that does not come back: cancelled at the server, abandoned in the record", async () => {
    await using gateway = legacy(cancellable, { parkedLimits: { lifeMs: 30 } });
    const asked = await asks(gateway);
    await until(() => gateway.gateway.parked === 0);
    expect(gateway.upstream("s").calls[0]?.cancellation.reason).toBe("abandoned");
    await until(() => gateway.records().at(-1)?.kind === "call_outcome");
    expect(gateway.records().at(-1)?.body.status).toBe("abandoned");
    await expect(retry(gateway, asked, acceptAll(asked))).rejects.toThrow();
    expect(gateway.upstream("s").calls).toHaveLength(1);
  });

  test("the process ends: abandoned", async () => {
    await using gateway = legacy(cancellable);
    await asks(gateway);
    gateway.gateway.abandonParked();
    await until(() => gateway.records().at(-1)?.kind === "call_outcome");
    expect(gateway.records().at(-1)?.body.status).toBe("abandoned");
    await expect(asks(gateway)).rejects.toMatchObject({ code: "overloaded" });
  });

  test("the client closes its retry: the call is cancelled", async () => {
    let answered = false;
    await using gateway = legacy(
      (call) =>
        new Promise((_resolve, reject) => {
          call.cancellation.onCancel((reason) => reject(new Error(reason)));
          void call.ask({ who: FORM }).then(() => {
            answered = true;
          });
        }),
    );
    const asked = await asks(gateway);
    const cancellation = new Cancellation();
    const again = retry(gateway, asked, acceptAll(asked), { cancellation });
    await until(() => answered);
    cancellation.cancel("client_gone");
    await expect(again).rejects.toThrow();
    expect(gateway.upstream("s").calls[0]?.cancellation.reason).toBe("client_gone");
    expect(gateway.gateway.parked).toBe(0);
  });

  test("the server dies meanwhile: the retry learns it", async () => {
    let die: (error: Error) => void = () => {};
    await using gateway = legacy(
      (call) =>
        new Promise((_resolve, reject) => {
          die = reject;
          call.ask({ who: FORM }).catch(() => {});
        }),
    );
    const asked = await asks(gateway);
    die(new Error("gone"));
    await until(() => gateway.gateway.parked === 0);
    await expect(retry(gateway, asked, acceptAll(asked))).rejects.toMatchObject({ code: "internal" });
    expect(gateway.records().filter(({ kind }) => kind === "call_outcome")).toHaveLength(1);
  });
});

test("a thousand calls are parked at once, answered, and leave nothing behind", async () => {
  await using gateway = legacy(askOne);
  const asked = await Promise.all(Array.from({ length: 1_000 }, () => asks(gateway)));
  expect(gateway.gateway.parked).toBe(1_000);
  const ends = await Promise.all(asked.map((one, n) => retry(gateway, one, acceptAll(one, { n }))));
  for (const [n, end] of ends.entries())
    expect(end.structuredContent).toMatchObject({ who: { content: { n } } });
  expect(gateway.gateway.parked).toBe(0);
  expect(gateway.upstream("s").calls).toHaveLength(1_000);
});
