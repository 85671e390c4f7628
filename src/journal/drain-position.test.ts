import { expect, test } from "bun:test";
import { SharedPositions } from "./drain-position.ts";

test("positions of any size go from one view of the cells to another, each in its own", () => {
  const written = new SharedPositions();
  const read = new SharedPositions(written.buffer);
  const last = SharedPositions.sinksMax - 1;
  for (const position of [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 12_345, 2 ** 52]) {
    written.committed = position;
    written.setDrained(0, position + 1);
    written.setDrained(last, position + 2);
    expect([read.committed, read.drained(0), read.drained(last)]).toEqual([
      position,
      position + 1,
      position + 2,
    ]);
  }
  written.countRecovery();
  read.countRecovery();
  expect([read.recoveries, read.committed]).toEqual([2, 2 ** 52]);
});

test("a reader in another thread never sees halves of two positions", async () => {
  const positions = new SharedPositions();
  const module = JSON.stringify(new URL("./drain-position.ts", import.meta.url).href);
  const source = `
    import { SharedPositions } from ${module};
    self.onmessage = ({ data: { buffer, from, to } }) => {
      const positions = new SharedPositions(buffer);
      postMessage("ready");
      // Each step turns over all bits of the low half at some point.
      for (let round = 0; round < 1_000; round++)
        for (let position = from; position < to; position += 2 ** 30 + 1) positions.committed = position + round;
      postMessage("done");
    };`;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(source)}`);
  const until = (message: string) =>
    new Promise<void>((resolve) =>
      worker.addEventListener("message", ({ data }) => {
        if (data === message) resolve();
      }),
    );
  // A writer's positions only grow within a round: what is read is one of those it wrote.
  const from = 2 ** 34;
  const step = 2 ** 30 + 1;
  const to = from + step * 2_000;
  const [ready, done] = [until("ready"), until("done")];
  worker.postMessage({ buffer: positions.buffer, from, to });
  await ready;
  let isDone = false;
  void done.then(() => {
    isDone = true;
  });
  let seen = 0;
  while (!isDone) {
    for (let n = 0; n < 10_000; n++) {
      const position = positions.committed;
      if (position === 0) continue;
      seen++;
      const round = (position - from) % step;
      if (round < 0 || round >= 1_000 || position >= to + 1_000) throw new Error(`nobody wrote ${position}`);
    }
    await Bun.sleep(0);
  }
  worker.terminate();
  expect(seen).toBeGreaterThan(100);
});
