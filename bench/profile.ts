/**
 * Where a call's time goes: `bun bench/profile.ts [seconds]`. The gateway runs under Bun's sampling profiler while wrk
 * calls it; printed are the functions by their own time, in µs per call of the main thread, and the time of each thread.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startUpstream, untilAnswered } from "./calls.ts";
import { mintKey, setUpGateway, startGateway } from "./gateway.ts";
import { stopAll } from "./processes.ts";
import { callRequest } from "./requests.ts";
import { load, writeScript } from "./wrk.ts";

interface ProfileNode {
  readonly id: number;
  readonly children?: readonly number[];
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}
interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const SHOWN = 60;
const root = join(import.meta.dir, "..");

/** Processor seconds by thread; the name tells the main thread, the workers and the collector's helpers apart. */
function threads(pid: number): Map<string, number> {
  const times = new Map<string, number>();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${id}/stat`, "utf8");
    const name = `${id === String(pid) ? "main" : stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"))} ${id}`;
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    times.set(name, (Number(fields[11]) + Number(fields[12])) / 100);
  }
  return times;
}

/** Own time by function; what the runtime does itself is told apart by the function of ours that called it. */
function ownTimes(profile: Profile): Map<string, number> {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const place = ({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string => {
    const file = /\/((src|node_modules)\/.*)/.exec(url)?.[1];
    return `${functionName || "(anonymous)"}${file === undefined ? "" : ` ${file}:${lineNumber + 1}`}`;
  };
  const nameOf = (id: number): string => {
    const node = nodes.get(id);
    if (node === undefined) return "?";
    if (node.callFrame.url.includes("/src/")) return place(node);
    for (let at = parents.get(id); at !== undefined; at = parents.get(at)) {
      const caller = nodes.get(at);
      if (caller?.callFrame.url.includes("/src/")) return `${place(node)} ← ${place(caller)}`;
    }
    return place(node);
  };
  const own = new Map<string, number>();
  for (const [index, sample] of profile.samples.entries()) {
    const name = nameOf(sample);
    own.set(name, (own.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  return own;
}

const seconds = Number(process.argv[2] ?? 6);
const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-profile-"));
try {
  const upstream = await startUpstream();
  const server = { name: "bench", url: `http://127.0.0.1:${upstream.port}/tools/1/mcp` };
  const setup = await setUpGateway(root, join(folder, "gateway"), [server]);
  const gateway = await startGateway(setup, ["--cpu-prof", `--cpu-prof-dir=${folder}`]);
  const spec = callRequest("/mcp", "bench__read_0", await mintKey(gateway, ["bench:read_*", "other:*"]));
  await untilAnswered(gateway.port, spec);
  const script = writeScript(folder, gateway.port, [spec]);
  const before = threads(gateway.process.pid);
  const { requests, rps } = await load(gateway.port, script, 32, seconds);
  const after = threads(gateway.process.pid);
  await gateway.process.stop();
  console.log(`${Math.round(rps)} calls/s under the profiler`);
  for (const [name, time] of after) {
    const us = ((time - (before.get(name) ?? 0)) * 1e6) / requests;
    if (us >= 0.1) console.log(`${us.toFixed(2).padStart(8)} µs/call  thread ${name}`);
  }
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"))) {
    console.log(`\n${file}`);
    const own = ownTimes(JSON.parse(readFileSync(join(folder, file), "utf8")) as Profile);
    const rows = [...own].sort((a, b) => b[1] - a[1]).slice(0, SHOWN);
    for (const [name, us] of rows) console.log(`${(us / requests).toFixed(2).padStart(8)} µs/call  ${name}`);
  }
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
