/** 10,000 open streams on which nothing happens: what each costs, and what calls notice of them. */
import { join } from "node:path";
import { startUpstream, untilAnswered } from "./calls.ts";
import { mintKey, setUpGateway, startGateway } from "./gateway.ts";
import { openLoop } from "./open-loop.ts";
import { run, start } from "./processes.ts";
import { callRequest, listenRequest, wireText } from "./requests.ts";
import { median } from "./statistics.ts";
import { load, writeScript } from "./wrk.ts";

const STREAMS = 10_000;
const OPEN_MS_MAX = 60_000;
/** Freed memory goes back to the system after ten seconds (`bin/mcp-gateway`). */
const SETTLE_MS = 12_000;
const ROUNDS = 3;
const LOAD_S = 4;

export interface IdleStreams {
  readonly count: number;
  readonly kib_each: number;
  readonly calls_per_s: number;
  readonly p99_before_ms: number;
  readonly p99_ms: number;
  readonly p99_ratio: number;
  readonly rss_mb: number;
}

export async function measureIdleStreams(
  folder: string,
  root: string,
  say: (text: string) => void,
): Promise<IdleStreams> {
  await requireDescriptors(STREAMS + 500);
  const upstream = await startUpstream();
  const server = { name: "bench", url: `http://127.0.0.1:${upstream.port}/tools/10/mcp` };
  const gateway = await startGateway(await setUpGateway(root, join(folder, "idle-streams"), [server]));
  const { port } = gateway;
  try {
    const key = await mintKey(gateway, ["bench:*"]);
    const call = callRequest("/mcp", "bench__read_0", key);
    await untilAnswered(port, call);
    const { rps } = await load(port, writeScript(folder, port, [call]), 32, LOAD_S);
    const callsPerS = Math.floor(rps / 2);
    const p99 = async (): Promise<number> => {
      const rounds: number[] = [];
      for (let i = 0; i < ROUNDS; i++) rounds.push((await openLoop(port, call, callsPerS, LOAD_S)).p99Ms);
      return median(rounds);
    };
    const before = await p99();
    await Bun.sleep(SETTLE_MS);
    const rssBefore = gateway.process.rssMib();
    say(`p99 ${before.toFixed(2)} ms without streams at ${callsPerS} calls/s`);
    const request = wireText(listenRequest("/mcp", key), port);
    const holder = start("stream holder", [
      process.execPath,
      join(import.meta.dir, "stream-holder.ts"),
      String(port),
      String(STREAMS),
      request,
    ]);
    try {
      const opened = await Promise.race([holder.firstLine, Bun.sleep(OPEN_MS_MAX).then(() => undefined)]);
      if (opened !== String(STREAMS)) throw new Error(`${opened ?? "not all"} streams opened`);
      await Bun.sleep(SETTLE_MS);
      const rss = gateway.process.rssMib();
      const during = await p99();
      if (!holder.isRunning()) throw new Error(`streams ended early: ${holder.output()}`);
      return {
        count: STREAMS,
        kib_each: ((rss - rssBefore) * 1024) / STREAMS,
        calls_per_s: callsPerS,
        p99_before_ms: before,
        p99_ms: during,
        p99_ratio: during / before,
        rss_mb: rss,
      };
    } finally {
      await holder.stop();
    }
  } finally {
    await gateway.process.stop();
    await upstream.process.stop();
  }
}

async function requireDescriptors(count: number): Promise<void> {
  const limit = (await run(["sh", "-c", "ulimit -n"])).trim();
  if (limit !== "unlimited" && Number(limit) < count)
    throw new Error(`${count} open files are needed, the limit is ${limit}: raise it with "ulimit -n"`);
}
