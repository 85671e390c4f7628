/**
 * Loaded into a gateway before its own code (`BUN_OPTIONS=--preload`): writes how many timers it has, and how many
 * promises were rejected with nobody to hear, to the file of `MCP_GATEWAY_TEST_TIMERS`, once a second.
 */
import { writeFileSync } from "node:fs";

const path = process.env.MCP_GATEWAY_TEST_TIMERS;
if (path !== undefined) {
  const living = new Set<unknown>();
  let rejections = 0;
  const original = { setTimeout, setInterval, clearTimeout, clearInterval };
  const keyOf = (timer: unknown): unknown => Number(timer);
  const setTimeoutCounted = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const timer = original.setTimeout(() => {
      living.delete(keyOf(timer));
      run(...args);
    }, ms);
    living.add(keyOf(timer));
    return timer;
  };
  const setIntervalCounted = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const timer = original.setInterval(run, ms, ...args);
    living.add(keyOf(timer));
    return timer;
  };
  const clear = (timer: unknown): void => {
    living.delete(keyOf(timer));
    original.clearTimeout(timer as Timer);
  };
  Object.assign(globalThis, {
    setTimeout: setTimeoutCounted,
    setInterval: setIntervalCounted,
    clearTimeout: clear,
    clearInterval: clear,
  });
  process.on("unhandledRejection", () => {
    rejections++;
  });
  original
    .setInterval(() => writeFileSync(path, JSON.stringify({ timers: living.size, rejections })), 1_000)
    .unref();
}
