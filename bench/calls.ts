/** `tools/call` through everything compared, in alternated rounds of one run. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { mintKey, type RunningGateway, setUpGateway, startGateway } from "./gateway.ts";
import { HttpConnection } from "./http-connection.ts";
import { startNginx } from "./nginx.ts";
import { openLoop } from "./open-loop.ts";
import { type Started, start } from "./processes.ts";
import { callRequest, type RequestSpec, wireText } from "./requests.ts";
import { median } from "./statistics.ts";
import { load, writeScript } from "./wrk.ts";

/** One way to the upstream. */
export interface Subject {
  readonly name: string;
  readonly port: number;
  readonly process: Started;
  readonly spec: RequestSpec;
}

export interface Figures {
  rps: number;
  /** At 32 connections, as wrk sees it. */
  p50_ms: number;
  p99_ms: number;
  cpu_us: number;
  rss_mb: number;
  p50_one_connection_ms: number;
  p99_half_load_ms: number;
}

export interface CallPlan {
  readonly rounds: number;
  readonly seconds: number;
  readonly oneConnectionSeconds: number;
  readonly halfLoadSeconds: number;
  readonly warmUpSeconds: number;
}

const CONNECTIONS = 32;

export async function startUpstream(): Promise<{ process: Started; port: number }> {
  const process_ = start("upstream", [process.execPath, join(import.meta.dir, "upstream.ts")]);
  return { process: process_, port: Number(await process_.firstLine) };
}

/** Direct, nginx and one gateway per tree, each on the same upstream. */
export async function startSubjects(
  folder: string,
  trees: readonly { readonly name: string; readonly root: string }[],
): Promise<{ subjects: readonly Subject[]; upstream: number; gateways: readonly RunningGateway[] }> {
  const upstream = await startUpstream();
  const direct = callRequest("/tools/1/mcp", "read_0");
  const nginx = await startNginx(folder, upstream.port);
  const subjects: Subject[] = [
    { name: "direct", port: upstream.port, process: upstream.process, spec: direct },
    { name: "nginx", port: nginx.port, process: nginx.process, spec: direct },
  ];
  const gateways: RunningGateway[] = [];
  for (const { name, root } of trees) {
    const server = { name: "bench", url: `http://127.0.0.1:${upstream.port}/tools/1/mcp` };
    const gateway = await startGateway(await setUpGateway(root, join(folder, name), [server]));
    const key = await mintKey(gateway, ["bench:read_*", "other:*"]);
    gateways.push(gateway);
    const spec = callRequest("/mcp", "bench__read_0", key);
    subjects.push({ name, port: gateway.port, process: gateway.process, spec });
  }
  for (const { port, spec } of subjects) await untilAnswered(port, spec);
  return { subjects, upstream: upstream.port, gateways };
}

/** Asks until the call has a result: a gateway is ready before it has read every server's tools. */
export async function untilAnswered(port: number, spec: RequestSpec, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const { body } = await ask(port, spec).catch((error: unknown) => ({ body: String(error) }));
    if (body.includes('"hello world') || body.includes('"tools":[{')) return;
    if (Date.now() > end) throw new Error(`no result on port ${port}: ${body.slice(0, 500)}`);
    await Bun.sleep(25);
  }
}

export async function ask(port: number, spec: RequestSpec): Promise<{ status: number; body: string }> {
  const connection = await HttpConnection.open(port);
  try {
    return await connection.send(wireText(spec, port));
  } finally {
    connection.close();
  }
}

/** Shows that the layers which the figures include do their work. @throws Error naming the one that does not */
export async function proveLayers(gateway: RunningGateway, spec: RequestSpec): Promise<void> {
  const { port } = gateway;
  const key = spec.headers.authorization?.slice("Bearer ".length);
  const expect = (layer: string, shown: boolean, body: string): void => {
    if (!shown) throw new Error(`${layer} did not do its work: ${body.slice(0, 300)}`);
  };
  const keyless = await ask(port, callRequest("/mcp", "bench__read_0"));
  expect("authenticate", keyless.status === 401, keyless.body);
  const hidden = await ask(port, callRequest("/mcp", "bench__write_0", key));
  expect("authorize", hidden.body.includes('"error"'), hidden.body);
  const wrong = await ask(port, callRequest("/mcp", "bench__read_0", key, { text: 7 }));
  expect("validate", wrong.body.includes('"isError":true'), wrong.body);
  const denied = await ask(port, callRequest("/mcp", "bench__read_0", key, { text: "forbidden" }));
  expect("conditions", denied.body.includes("no-forbidden-words"), denied.body);
  const foreign = await ask(port, { ...spec, headers: { ...spec.headers, origin: "https://example.org" } });
  expect("origin", foreign.status === 403, foreign.body);
}

/** Bytes of the audit journal, or of the store it is drained into. */
function recordedBytes(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((total, entry) => {
    const path = join(folder, entry.name);
    return total + (entry.isDirectory() ? recordedBytes(path) : entry.isFile() ? statSync(path).size : 0);
  }, 0);
}

async function upstreamCalls(port: number): Promise<number> {
  return Number(await (await fetch(`http://127.0.0.1:${port}/count`)).text());
}

export async function measureCalls(
  folder: string,
  trees: readonly { readonly name: string; readonly root: string }[],
  plan: CallPlan,
  say: (text: string) => void,
): Promise<{ figures: ReadonlyMap<string, Figures>; halfLoadRps: number }> {
  const { subjects, upstream, gateways } = await startSubjects(folder, trees);
  try {
    for (const [index, gateway] of gateways.entries())
      await proveLayers(gateway, (subjects[index + 2] as Subject).spec);
    const before = gateways.map((gateway) => recordedBytes(join(gateway.folder, "data")));
    const rounds = await closedLoops(folder, subjects, upstream, plan, say);
    for (const [index, gateway] of gateways.entries()) {
      if (recordedBytes(join(gateway.folder, "data")) <= (before[index] ?? 0))
        throw new Error("audit left no record of the calls");
    }
    const gatewayRps = median(rounds.get("gateway")?.map((one) => one.rps) ?? []);
    const halfLoadRps = Math.floor(gatewayRps / 2);
    const halfLoad = await openLoops(subjects, halfLoadRps, plan, say);
    const figures = new Map<string, Figures>();
    for (const { name, process: proxy } of subjects) {
      const of = (key: keyof Figures) => median(rounds.get(name)?.map((one) => one[key]) ?? []);
      figures.set(name, {
        rps: of("rps"),
        p50_ms: of("p50_ms"),
        p99_ms: of("p99_ms"),
        cpu_us: of("cpu_us"),
        rss_mb: proxy.rssMib(),
        p50_one_connection_ms: of("p50_one_connection_ms"),
        p99_half_load_ms: median(halfLoad.get(name) ?? []),
      });
    }
    return { figures, halfLoadRps };
  } finally {
    await Promise.all(subjects.map((subject) => subject.process.stop()));
  }
}

async function closedLoops(
  folder: string,
  subjects: readonly Subject[],
  upstream: number,
  plan: CallPlan,
  say: (text: string) => void,
): Promise<Map<string, Figures[]>> {
  const scripts = new Map(
    subjects.map(({ name, port, spec }) => [name, writeScript(folder, port, [spec])] as const),
  );
  const rounds = new Map<string, Figures[]>(subjects.map(({ name }) => [name, []]));
  for (const { name, port } of subjects)
    await load(port, scripts.get(name) ?? "", CONNECTIONS, plan.warmUpSeconds);
  for (let round = 0; round < plan.rounds; round++) {
    // Every other round backwards, so that nobody always follows the same one.
    const order = round % 2 === 0 ? subjects : [...subjects].reverse();
    for (const { name, port, process: proxy } of order) {
      const script = scripts.get(name) ?? "";
      const callsBefore = await upstreamCalls(upstream);
      const cpuBefore = proxy.cpuUs();
      const many = await load(port, script, CONNECTIONS, plan.seconds);
      const cpuUs = proxy.cpuUs() - cpuBefore;
      const reached = (await upstreamCalls(upstream)) - callsBefore;
      if (reached < many.requests) throw new Error(`${name}: ${many.requests} answers, ${reached} calls`);
      const one = await load(port, script, 1, plan.oneConnectionSeconds);
      rounds.get(name)?.push({
        rps: many.rps,
        p50_ms: many.p50Ms,
        p99_ms: many.p99Ms,
        cpu_us: cpuUs / many.requests,
        rss_mb: 0,
        p50_one_connection_ms: one.p50Ms,
        p99_half_load_ms: 0,
      });
      say(
        `round ${round + 1} ${name}: ${Math.round(many.rps)} calls/s, ${(cpuUs / many.requests).toFixed(1)} µs CPU`,
      );
    }
  }
  return rounds;
}

async function openLoops(
  subjects: readonly Subject[],
  callsPerS: number,
  plan: CallPlan,
  say: (text: string) => void,
): Promise<Map<string, number[]>> {
  const p99s = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < plan.rounds; round++) {
    for (const { name, port, spec } of subjects) {
      const { p99Ms } = await openLoop(port, spec, callsPerS, plan.halfLoadSeconds);
      p99s.get(name)?.push(p99Ms);
      say(`round ${round + 1} ${name}: p99 ${p99Ms.toFixed(2)} ms at ${callsPerS} calls/s`);
    }
  }
  return p99s;
}
