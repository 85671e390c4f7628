/**
 * The benchmark: `npm run bench -- [--json] [--quick] [--only NAME] [--against REF] [--write-docs]`. Everything is
 * measured in one run on one machine, in turns; see docs/performance.md for what and how.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type CallPlan, type Figures, measureCalls } from "./calls.ts";
import { layersOf } from "./gateway.ts";
import { type Checkout, checkOut } from "./git-ref.ts";
import { type Growing, measureGrowth } from "./growth.ts";
import { measureIdleStreams } from "./idle-streams.ts";
import { run, stopAll } from "./processes.ts";
import { type Report, text, writeDocs } from "./report.ts";
import { measureStartUp } from "./start-up.ts";
import { rounded } from "./statistics.ts";
import { measureToolsList } from "./tools-list.ts";

const PARTS = [
  "calls",
  "start",
  "tools-list",
  "streams",
  "tools",
  "keys",
  "policies",
  "tenants",
  "journal",
] as const;
type Part = (typeof PARTS)[number];
/** Whatever happens, the benchmark ends. */
const RUN_MS_MAX = 20 * 60_000;

const FULL: CallPlan = {
  rounds: 5,
  seconds: 5,
  oneConnectionSeconds: 2,
  halfLoadSeconds: 4,
  warmUpSeconds: 4,
};
const QUICK: CallPlan = {
  rounds: 3,
  seconds: 2,
  oneConnectionSeconds: 1,
  halfLoadSeconds: 2,
  warmUpSeconds: 1,
};

interface Options {
  readonly json: boolean;
  readonly quick: boolean;
  readonly only: readonly Part[];
  readonly against: string | undefined;
  readonly writeDocs: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      against: { type: "string" },
      "write-docs": { type: "boolean", default: false },
    },
  });
  const unknown = values.only.find((name) => !PARTS.some((part) => part === name));
  if (unknown !== undefined) throw new Error(`--only takes ${PARTS.join(", ")}; ${unknown} is none`);
  const wanted = PARTS.filter((part) => values.only.includes(part));
  return {
    json: values.json,
    quick: values.quick,
    only: wanted.length > 0 ? wanted : values.quick ? ["calls"] : PARTS,
    against: values.against,
    writeDocs: values["write-docs"],
  };
}

const root = join(import.meta.dir, "..");
const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-bench-"));
const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
let against: Checkout | undefined;
let ending: Promise<void> | undefined;

/** Stops every process, removes every file. */
function end(): Promise<void> {
  ending ??= (async () => {
    await stopAll();
    await against?.remove().catch((error: unknown) => say(String(error)));
    rmSync(folder, { recursive: true, force: true });
  })();
  return ending;
}

async function newReport(): Promise<Report> {
  const dirty = (await run(["git", "-C", root, "status", "--porcelain", "--", "src", "bin"])).trim() !== "";
  const commit = (await run(["git", "-C", root, "rev-parse", "HEAD"])).trim();
  return {
    commit: dirty ? `${commit.slice(0, 10)}+` : commit,
    date: new Date().toISOString().slice(0, 10),
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memory_gib: totalmem() / 2 ** 30,
      load_average: loadavg()[0] ?? 0,
      bun: Bun.version,
      os: `${type()} ${release()}`,
    },
    layers: layersOf(root),
  };
}

async function compareCalls(report: Report, options: Options): Promise<void> {
  const trees = [{ name: "gateway", root }];
  if (against !== undefined) trees.push({ name: "against", root: against.root });
  const { figures, halfLoadRps } = await measureCalls(folder, trees, options.quick ? QUICK : FULL, say);
  const of = (name: string) => figures.get(name) as Figures;
  const [direct, nginx, gateway] = [of("direct"), of("nginx"), of("gateway")];
  Object.assign(report, { direct, nginx, gateway, half_load_rps: halfLoadRps });
  report.ratio = { throughput: gateway.rps / nginx.rps, cpu: gateway.cpu_us / nginx.cpu_us };
  report.added_ms = {
    p50: gateway.p50_one_connection_ms - direct.p50_one_connection_ms,
    p99_half_load: gateway.p99_half_load_ms - direct.p99_half_load_ms,
  };
  if (against === undefined) return;
  const other = of("against");
  report.against = {
    ref: options.against ?? "",
    commit: against.commit,
    figures: other,
    ratio: { throughput: gateway.rps / other.rps, cpu: gateway.cpu_us / other.cpu_us },
  };
}

async function measure(report: Report, options: Options): Promise<void> {
  const grow = async (what: Growing): Promise<void> => {
    report.growth = { ...report.growth, [what]: await measureGrowth(folder, root, what, say) };
  };
  const parts: Record<Part, () => Promise<void>> = {
    calls: () => compareCalls(report, options),
    start: async () => {
      Object.assign(report, await measureStartUp(folder, root, 3));
      if (report.against && against)
        report.against.start = await measureStartUp(join(folder, "other"), against.root, 3);
    },
    "tools-list": async () => {
      report.tools_list = await measureToolsList(folder, root);
    },
    streams: async () => {
      report.streams = await measureIdleStreams(folder, root, say);
    },
    tools: () => grow("tools"),
    keys: () => grow("keys"),
    policies: () => grow("policies"),
    tenants: () => grow("tenants"),
    journal: async () => {
      const printed = await run([process.execPath, join(import.meta.dir, "journal.ts"), "3"]);
      report.journal_records_per_s = (JSON.parse(printed) as Report).journal_records_per_s ?? 0;
    },
  };
  for (const part of options.only) {
    say(`— ${part}`);
    await parts[part]();
  }
}

async function main(): Promise<number> {
  const options = readOptions();
  const report = await newReport();
  if (options.against !== undefined) against = await checkOut(root, options.against, folder);
  await measure(report, options);
  if (options.writeDocs) writeDocs(join(root, "docs/performance.md"), report);
  const shown = JSON.stringify(report, (_, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? rounded(value, 4) : value,
  );
  console.log(options.json ? shown : text(report));
  return 0;
}

const bound = setTimeout(() => {
  say(`The benchmark was ended after ${RUN_MS_MAX / 60_000} min`);
  void end().then(() => process.exit(1));
}, RUN_MS_MAX);
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => void end().then(() => process.exit(1)));

let code = 1;
try {
  code = await main();
} catch (error) {
  if (ending === undefined) say(error instanceof Error ? (error.stack ?? error.message) : String(error));
}
await end();
clearTimeout(bound);
process.exit(code);
