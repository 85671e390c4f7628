import { describe, expect, test } from "bun:test";
import { InProcessGateway } from "../../test/integration/in-process-gateway.ts";
import type { ExchangeInit } from "../model/exchange.ts";
import { type Answering, said, tool } from "../model/ports/in-process-upstream.testing.ts";
import { sampleEndpoint, samplePrincipal } from "../model/sample-exchange.testing.ts";
import type { JsonObject } from "../protocol/json-value.ts";

/** Asks in its first two rounds, with a state of its own each time. */
const asking: Answering = (call) => {
  const round =
    call.params.requestState === undefined ? 1 : Number(String(call.params.requestState).slice(6)) + 1;
  if (round === 3) return said("done")(call);
  const result = {
    resultType: "input_required",
    requestState: `state-${round}`,
    inputRequests: { user_name: {} },
  };
  return { kind: "result", result, exact: false };
};
const params = { name: "s__echo", arguments: { a: 1.5 } };
const responses = { inputResponses: { user_name: { action: "accept" } } };

async function stateOf(gateway: InProcessGateway, over: Partial<ExchangeInit> = {}): Promise<string> {
  const outcome = await gateway.handle({ params, ...over });
  return (outcome as { result: JsonObject }).result.requestState as string;
}
const oneServer = (now?: () => number) =>
  new InProcessGateway(
    [
      {
        name: "s",
        answer: asking,
        offer: { tools: [tool("echo"), tool("other")], prompts: [{ name: "echo" }] },
      },
    ],
    {
      ...(now && { now }),
    },
  );

test("a state goes out sealed and comes back to its server as it was, round after round", async () => {
  await using gateway = oneServer();
  const first = await stateOf(gateway);
  expect(first).not.toContain("state-1");
  expect(Buffer.from(first, "base64url").toString("latin1")).not.toContain("state-1");
  const second = await stateOf(gateway, { params: { ...params, ...responses, requestState: first } });
  expect(second).not.toBe(first);
  const third = await gateway.handle({ params: { ...params, ...responses, requestState: second } });
  expect(third).toMatchObject({ result: { content: [{ text: "done" }] } });
  expect(gateway.upstream("s").calls.map((call) => call.params)).toEqual([
    { name: "echo", arguments: { a: 1.5 } },
    { name: "echo", arguments: { a: 1.5 }, ...responses, requestState: "state-1" },
    { name: "echo", arguments: { a: 1.5 }, ...responses, requestState: "state-2" },
  ]);
});

test("another replica with the same master key opens it", async () => {
  await using here = oneServer();
  await using there = oneServer();
  const state = await stateOf(here);
  expect(await there.verdict({ params: { ...params, ...responses, requestState: state } })).toBe("answered");
});

describe("a state opens for nothing else", () => {
  test.each([
    ["another principal", { principal: samplePrincipal({ id: "key:another" }) }, {}],
    ["other arguments", {}, { arguments: { a: 2 } }],
    ["no arguments", {}, { arguments: undefined as never }],
    ["another tool", {}, { name: "s__other" }],
    ["another namespace", { endpoint: { ...sampleEndpoint(), namespaceSlug: "x" } }, { name: "s:echo" }],
    ["further params", {}, { extra: 1 }],
  ])("%s", async (_what, over, changed) => {
    await using gateway = oneServer();
    const requestState = await stateOf(gateway);
    const verdict = await gateway.verdict({
      ...over,
      params: { ...params, ...responses, ...changed, requestState },
    });
    expect(verdict).toBe("invalid_params");
    expect(gateway.upstream("s").calls).toHaveLength(1);
  });

  test("another method", async () => {
    await using gateway = oneServer();
    const requestState = await stateOf(gateway);
    expect(await gateway.verdict({ method: "prompts/get", params: { ...params, requestState } })).toBe(
      "invalid_params",
    );
  });

  test("and not when changed, lengthened, shortened, empty or of another kind", async () => {
    await using gateway = oneServer();
    const state = await stateOf(gateway);
    const flipped = (at: number) =>
      `${state.slice(0, at)}${state[at] === "A" ? "B" : "A"}${state.slice(at + 1)}`;
    const bad: unknown[] = [
      `${state}-TAMPERED`,
      `${state}=`,
      ` ${state}`,
      state.slice(0, -1),
      ...Array.from({ length: state.length }, (_, i) => flipped(i)),
      "",
      "junk",
      5,
      null,
      {},
    ];
    for (const requestState of bad) {
      const verdict = await gateway.verdict({
        params: { ...params, ...responses, requestState: requestState as never },
      });
      expect([requestState, verdict]).toEqual([requestState, "invalid_params"]);
    }
    expect(gateway.upstream("s").calls).toHaveLength(1);
  });

  test("and not after ten minutes", async () => {
    let now = 1_000_000;
    await using gateway = oneServer(() => now);
    const requestState = await stateOf(gateway);
    now += 10 * 60_000;
    expect(await gateway.verdict({ params: { ...params, requestState } })).toBe("answered");
    now += 1;
    expect(await gateway.verdict({ params: { ...params, requestState } })).toBe("invalid_params");
  });
});

test("answers without a state are the server's to judge, whatever their shape", async () => {
  await using gateway = oneServer();
  for (const inputResponses of [{ wrong_key: {} }, null, { user_name: 12345 }]) {
    expect(await stateOf(gateway, { params: { ...params, inputResponses } })).toBeString();
    expect(gateway.upstream("s").calls.at(-1)?.params.inputResponses).toEqual(inputResponses);
  }
});

test("a question without a state stays without one, and its keys and params are untouched", async () => {
  const inputRequests = {
    user_name: { method: "elicitation/create", params: { requestedSchema: { default: 95.5 } } },
  };
  await using gateway = new InProcessGateway([
    {
      name: "s",
      answer: () => ({
        kind: "result",
        result: { resultType: "input_required", inputRequests },
        exact: false,
      }),
    },
  ]);
  const outcome = await gateway.handle({ params });
  expect(outcome).toMatchObject({ result: { resultType: "input_required", inputRequests } });
  expect((outcome as { result: JsonObject }).result).not.toHaveProperty("requestState");
});

test("a retry with numbers that only their source text keeps is the same call", async () => {
  await using gateway = oneServer();
  const requestState = await stateOf(gateway);
  const verdict = await gateway.verdict({ exact: true, params: { ...params, ...responses, requestState } });
  expect(verdict).toBe("answered");
});
