/**
 * Open-loop load: calls become due at a constant rate whatever the answers do, so that a stalled server is charged for
 * every call that fell due while it stalled (wrk, which waits for answers, would leave those out: "coordinated
 * omission"). The clock of a call starts when it falls due; a call that finds no free connection waits with its clock
 * running. The loader's own timer wakes about once a millisecond: calls due since the last wake are sent together, and
 * their clock starts at that wake, unless the wake was late by more than `LATE_MS`, when it starts at the due time.
 */
import { HttpConnection } from "./http-connection.ts";
import { type RequestSpec, wireText } from "./requests.ts";
import { quantile } from "./statistics.ts";

/** A wake later than this is not the timer's grain but a stall, and is charged. */
const LATE_MS = 2;
const CONNECTIONS = 64;

export interface OpenLoopResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly calls: number;
}

export async function openLoop(
  port: number,
  spec: RequestSpec,
  callsPerS: number,
  seconds: number,
): Promise<OpenLoopResult> {
  const bytes = Buffer.from(wireText(spec, port));
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => HttpConnection.open(port)));
  try {
    return await pace(connections, bytes, callsPerS, seconds);
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function pace(
  connections: readonly HttpConnection[],
  bytes: Uint8Array,
  callsPerS: number,
  seconds: number,
): Promise<OpenLoopResult> {
  const free = [...connections];
  const waiting: number[] = [];
  const latencies: number[] = [];
  const total = Math.floor(callsPerS * seconds);
  const everyMs = 1000 / callsPerS;
  const done = Promise.withResolvers<void>();
  let due = 0;

  const send = (connection: HttpConnection, startedAt: number): void => {
    connection.send(bytes, false).then((answer) => {
      if (answer.status !== 200) return done.reject(new Error(`a call was answered with ${answer.status}`));
      latencies.push(performance.now() - startedAt);
      if (latencies.length === total) return done.resolve();
      const next = waiting.shift();
      if (next === undefined) free.push(connection);
      else send(connection, next);
    }, done.reject);
  };
  const begin = performance.now();
  const wake = (): void => {
    const now = performance.now();
    for (; due < total && begin + due * everyMs <= now; due++) {
      const dueAt = begin + due * everyMs;
      const startedAt = now - dueAt > LATE_MS ? dueAt : now;
      const connection = free.pop();
      if (connection === undefined) waiting.push(startedAt);
      else send(connection, startedAt);
    }
    if (due < total) setTimeout(wake, 1);
  };
  const bound = setTimeout(
    () => done.reject(new Error(`${total - latencies.length} calls still without an answer`)),
    (seconds + 20) * 1000,
  );
  wake();
  try {
    await done.promise;
  } finally {
    clearTimeout(bound);
  }
  latencies.sort((a, b) => a - b);
  return { p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), calls: total };
}
