import { expect, test } from "bun:test";
import type { Outcome } from "../../model/call.ts";
import { Cancellation } from "../../model/cancellation.ts";
import { InProcessUpstream } from "../../model/ports/in-process-upstream.testing.ts";
import { sampleExchange, sampleServer } from "../../model/sample-exchange.testing.ts";
import { verdict } from "../arrival.testing.ts";
import { deadlinePolicy } from "./deadline.ts";

const ok: Outcome = { kind: "result", result: {}, exact: false };
const policy = deadlinePolicy(60_000, () => 1_000_000);

test.each([
  ["the server's, where it is shorter", 5_000, 1_005_000],
  ["the request's, where that is shorter", 300_000, 1_060_000],
  ["the request's, where there is no server", undefined, 1_060_000],
])("a call ends with the timeout of %s", (_what, timeoutMs, expected) => {
  const exchange = sampleExchange();
  if (timeoutMs !== undefined) {
    const server = sampleServer("s", { timeoutMs });
    const upstream = new InProcessUpstream(server, {});
    exchange.target = { kind: "tool", server, upstream, name: "t", definition: undefined, repeatable: false };
  }
  let seen = 0;
  void policy(exchange, (x) => {
    seen = x.deadline;
    return ok;
  });
  expect(seen).toBe(expected);
});

test("a call whose client is gone already goes no further", async () => {
  const cancellation = new Cancellation();
  cancellation.cancel("client_gone");
  expect(await verdict(() => policy(sampleExchange({ cancellation }), () => ok))).toBe("call_cancelled");
});
