import { expect, test } from "bun:test";
import { InProcessGateway } from "../../test/integration/in-process-gateway.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { Cancellation } from "../model/cancellation.ts";
import { said, tool } from "../model/ports/in-process-upstream.testing.ts";
import type { Journal } from "../model/ports/journal.ts";
import { samplePrincipal } from "../model/sample-exchange.testing.ts";

const call = { params: { name: "s__echo", arguments: { text: "secret words" } } };

test("the intent stands in the file before the server sees the call, the outcome before the answer", async () => {
  let seen: unknown;
  await using gateway: InProcessGateway = new InProcessGateway([
    {
      name: "s",
      answer: () => {
        seen = gateway.records();
        return said("ok")({} as never);
      },
    },
  ]);
  await gateway.handle({ ...call, traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" });
  expect(seen).toMatchObject([{ kind: "call_intent", body: { method: "tools/call", target: "echo" } }]);
  const [intent, outcome, ...more] = gateway.records();
  expect(more).toEqual([]);
  expect(outcome).toMatchObject({
    kind: "call_outcome",
    body: { callId: intent?.body.callId as string, status: "ok" },
  });
  expect(intent?.body).toMatchObject({
    serverName: "s",
    correlationId: "0123456789abcdef",
    clientAddress: "203.0.113.7",
    traceId: "0af7651916cd43dd8448eb211c80319c",
    argumentsDigest: Bun.SHA256.hash('{"text":"secret words"}', "hex"),
  });
  expect(JSON.stringify(gateway.records())).not.toContain("secret words");
});

test.each([
  ["an unknown tool", { params: { name: "s__none" } }, "tool_unknown"],
  ["a forbidden tool", { ...call, principal: samplePrincipal({ permissions: ["other:*"] }) }, "tool_unknown"],
  ["a bad state", { params: { ...call.params, requestState: "junk" } }, "invalid_params"],
  ["no name", { params: {} }, "invalid_params"],
])("%s is refused with one record, and the server sees nothing", async (_what, over, code) => {
  await using gateway = new InProcessGateway([{ name: "s" }]);
  expect(await gateway.verdict(over)).toBe(code);
  expect(gateway.records()).toMatchObject([
    { kind: "call_refused", body: { status: "refused", errorCode: code } },
  ]);
  expect(gateway.upstream("s").calls).toEqual([]);
  expect(gateway.ended).toEqual([{ method: "tools/call", status: "refused", errorCode: code }]);
});

test("arguments that do not fit are answered to the model and recorded as a refusal", async () => {
  const strict = tool("echo", { inputSchema: { type: "object", required: ["text"] } });
  await using gateway = new InProcessGateway([{ name: "s", offer: { tools: [strict] } }]);
  const outcome = await gateway.handle({ params: { name: "s__echo" } });
  expect(outcome).toMatchObject({ kind: "result", result: { isError: true } });
  expect(gateway.records()).toMatchObject([
    { kind: "call_refused", body: { status: "refused", errorCode: "invalid_params", target: "echo" } },
  ]);
  expect(gateway.upstream("s").calls).toEqual([]);
});

test("lists are counted, not recorded", async () => {
  await using gateway = new InProcessGateway([{ name: "s" }]);
  await gateway.handle({ method: "tools/list" });
  expect(gateway.records()).toEqual([]);
  expect(gateway.ended).toEqual([{ method: "tools/list", status: "ok", errorCode: undefined }]);
});

test.each([
  ["tool_error", undefined, () => ({ kind: "result", result: { isError: true, content: [] }, exact: false })],
  ["error", "-32099", () => ({ kind: "error", error: { code: -32099, message: "no" }, exact: false })],
  [
    "timeout",
    "upstream_timeout",
    () => Promise.reject(new GatewayError("upstream_timeout", { server: "s", seconds: 1 })),
  ],
  ["cancelled", "call_cancelled", () => Promise.reject(new GatewayError("call_cancelled"))],
  ["error", "upstream_lost", () => Promise.reject(new GatewayError("upstream_lost", { server: "s" }))],
  ["error", "internal", () => Promise.reject(new TypeError("a bug"))],
] as const)("how a call ended is its outcome: %s %p", async (status, errorCode, answer) => {
  await using gateway = new InProcessGateway([{ name: "s", answer: answer as never }]);
  await gateway.verdict(call);
  const records = gateway.records();
  expect(records.map(({ kind }) => kind)).toEqual(["call_intent", "call_outcome"]);
  expect(records[1]?.body.status).toBe(status);
  expect(records[1]?.body.errorCode).toBe(errorCode as never);
  expect(gateway.ended).toEqual([{ method: "tools/call", status, errorCode }]);
});

test("a call that shutdown cuts short is interrupted, whatever its connection said", async () => {
  const cancellation = new Cancellation();
  await using gateway = new InProcessGateway([
    {
      name: "s",
      answer: () => {
        cancellation.cancel("shutdown");
        throw new GatewayError("upstream_lost", { server: "s" });
      },
    },
  ]);
  expect(await gateway.verdict({ ...call, cancellation })).toBe("call_interrupted");
  expect(gateway.records()[1]?.body).toMatchObject({ status: "interrupted", errorCode: "call_interrupted" });
});

test("a journal that cannot keep the intent stops the call, one that cannot keep the outcome withholds the answer", async () => {
  const full = () => Promise.reject(new GatewayError("journal_unavailable"));
  const journal = (over: Partial<Journal>): Journal => ({
    durability: "standard",
    intent: () => undefined,
    confirmed: () => undefined,
    outcome: () => undefined,
    refused: () => undefined,
    content: () => undefined,
    event: () => undefined,
    ...over,
  });
  await using stopped = new InProcessGateway([{ name: "s" }], {
    journal: journal({ intent: full, refused: full }),
  });
  expect(await stopped.verdict(call)).toBe("journal_unavailable");
  expect(stopped.upstream("s").calls).toEqual([]);
  expect(stopped.ended).toHaveLength(1);
  await using withheld = new InProcessGateway([{ name: "s" }], { journal: journal({ outcome: full }) });
  expect(await withheld.verdict(call)).toBe("journal_unavailable");
  expect(withheld.upstream("s").calls).toHaveLength(1);
});
