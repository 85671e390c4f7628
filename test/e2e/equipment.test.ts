import { describe, expect, test } from "bun:test";
import { eventually, startChild } from "./child.ts";
import { type Misbehaviour, startNasty } from "./nasty.ts";
import { startEcho } from "./upstreams.ts";

// The equipment itself: an upstream that does not misbehave as its name says would make every fault test pass.

const call = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", params: {} });

async function outcome(misbehaviour: Misbehaviour, timeoutMs: number): Promise<string> {
  const upstream = await startNasty(misbehaviour);
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(upstream.url, { method: "POST", body: call, signal });
    const reader = response.body?.getReader();
    let bytes = 0;
    let text = "";
    for (;;) {
      const piece = await reader?.read();
      if (piece === undefined || piece.done) break;
      bytes += piece.value.length;
      if (bytes > 8 * 1024 * 1024) {
        await reader?.cancel();
        return "endless";
      }
      text += new TextDecoder().decode(piece.value);
    }
    return text;
  } catch (error) {
    return error instanceof DOMException && error.name === "TimeoutError" ? "silence" : "broken";
  } finally {
    expect(upstream.requests()).toBe(1);
    await upstream.stop();
  }
}

describe("a nasty upstream", () => {
  const rows: readonly [Misbehaviour, string][] = [
    ["hangs", "silence"],
    ["resets", "broken"],
    ["answers-garbage", "broken"],
    ["answers-broken-json", '{"jsonrpc'],
    ["dies-mid-answer", "broken"],
    ["stream-hangs", "silence"],
    ["answers-endlessly", "endless"],
  ];
  for (const [misbehaviour, expected] of rows) {
    test(`${misbehaviour}: ${expected}`, async () => {
      expect(await outcome(misbehaviour, 300)).toBe(expected);
    });
  }

  test("answers-slowly: the whole answer, late", async () => {
    const begun = performance.now();
    expect(JSON.parse(await outcome("answers-slowly", 10_000))).toMatchObject({ id: 7 });
    expect(performance.now() - begun).toBeGreaterThan(1_000);
  });
});

test("the echo server counts a nonce that comes twice", async () => {
  const echo = await startEcho("modern");
  const send = (nonce: string): Promise<Response> =>
    fetch(echo.url, {
      method: "POST",
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { arguments: { nonce } } }),
    });
  for (const nonce of ["a", "b", "a"]) await (await send(nonce)).text();
  expect(await echo.seen()).toEqual({ calls: 3, distinct: 2, repeated: ["a"], sessions: 0 });
  await echo.stop();
});

test("a child that ignores SIGTERM is gone after its grace", async () => {
  const child = startChild(["/bin/sh", "-c", 'trap "" TERM; echo up; while :; do sleep 0.1; done']);
  expect(await child.firstLine()).toBe("up");
  await child.stop(200);
  await eventually("the process is gone", () => (child.isRunning() ? undefined : true));
});
