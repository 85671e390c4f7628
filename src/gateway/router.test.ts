import { expect, test } from "bun:test";
import { InProcessGateway } from "../../test/integration/in-process-gateway.ts";
import type { InputResponses, UpstreamCall } from "../model/call.ts";
import { said, tool } from "../model/ports/in-process-upstream.testing.ts";

test("a server gets its own names and the rest as the client sent it", async () => {
  await using gateway = new InProcessGateway([{ name: "s", offer: { tools: [tool("a.b")] } }]);
  const params = { name: "s:a.b", arguments: { n: [1] }, "x-unknown": 1, _meta: { traceparent: "t" } };
  await gateway.handle({ params });
  expect(gateway.upstream("s").calls[0]?.params).toEqual({ ...params, name: "a.b" });
  expect(params.name).toBe("s:a.b");
});

test("a trace that came in a header goes on in _meta, beside what is there; one in _meta stays", async () => {
  await using gateway = new InProcessGateway([{ name: "s", offer: { tools: [tool("a")] } }]);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await gateway.handle({ params: { name: "s__a" }, traceparent });
  await gateway.handle({ params: { name: "s__a", _meta: { x: 1 } }, traceparent });
  await gateway.handle({ params: { name: "s__a", _meta: { traceparent: "own" } }, traceparent });
  expect(gateway.upstream("s").calls.map(({ params }) => params._meta)).toEqual([
    { traceparent },
    { x: 1, traceparent },
    { traceparent: "own" },
  ]);
});

test("the clock stands still from the first question under way to the answer of the last", async () => {
  const waiting: (() => void)[] = [];
  const deadlines: number[] = [];
  let call: UpstreamCall | undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  await using gateway = new InProcessGateway([
    {
      name: "s",
      answer: async (own) => {
        call = own;
        deadlines.push(own.deadline);
        await Promise.all([own.ask({}), own.ask({})]);
        deadlines.push(own.deadline);
        return said("ok")(own);
      },
    },
  ]);
  const done = gateway.handle({
    params: { name: "s__echo" },
    ask: () =>
      new Promise<InputResponses>((answer) => {
        waiting.push(() => answer({}));
        if (waiting.length === 2) resolve();
      }),
  });
  await promise;
  expect(call?.deadline).toBe(Number.POSITIVE_INFINITY);
  await Bun.sleep(60);
  waiting[0]?.();
  await Bun.sleep(60);
  expect(call?.deadline).toBe(Number.POSITIVE_INFINITY);
  waiting[1]?.();
  await done;
  const [before = 0, after = 0] = deadlines;
  expect(after - before).toBeGreaterThanOrEqual(115);
  expect(after - before).toBeLessThan(1_000);
});

test("a question that fails starts the clock again", async () => {
  let after = 0;
  await using gateway = new InProcessGateway([
    {
      name: "s",
      answer: async (own) => {
        await own.ask({}).catch(() => undefined);
        after = own.deadline;
        return said("ok")(own);
      },
    },
  ]);
  await gateway.handle({ params: { name: "s__echo" }, ask: () => Promise.reject(new Error("no")) });
  expect(after).toBeLessThan(Date.now() + 61_000);
});
