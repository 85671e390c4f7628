/** What a run found, and how it is shown: one JSON object, a text, or the table of docs/performance.md. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Figures } from "./calls.ts";
import type { Growing, Growth } from "./growth.ts";
import type { IdleStreams } from "./idle-streams.ts";
import type { StartUp } from "./start-up.ts";
import type { ToolsList } from "./tools-list.ts";

export interface Report {
  commit: string;
  date: string;
  machine: { cpu: string; cores: number; memory_gib: number; load_average: number; bun: string; os: string };
  layers: readonly string[];
  direct?: Figures;
  nginx?: Figures;
  gateway?: Figures;
  ratio?: { throughput: number; cpu: number };
  added_ms?: { p50: number; p99_half_load: number };
  half_load_rps?: number;
  ready_ms?: number;
  ready_again_ms?: number;
  idle_rss_mb?: number;
  journal_records_per_s?: number;
  tools_list?: ToolsList;
  streams?: IdleStreams;
  growth?: Partial<Record<Growing, Growth>>;
  against?: {
    ref: string;
    commit: string;
    figures: Figures;
    ratio: { throughput: number; cpu: number };
    start?: StartUp;
  };
}

interface Bar {
  readonly what: string;
  readonly unit: string;
  readonly bar: number;
  readonly aim: number;
  readonly best: "high" | "low";
  readonly read: (report: Report) => number | undefined;
}

/** The numbers the project holds itself to. */
const bars: readonly Bar[] = [
  {
    what: "throughput, `tools/call`, 32 connections, gateway ÷ nginx",
    unit: "×",
    bar: 0.4,
    aim: 0.6,
    best: "high",
    read: (r) => r.ratio?.throughput,
  },
  {
    what: "CPU per call, gateway ÷ nginx",
    unit: "×",
    bar: 4,
    aim: 2.5,
    best: "low",
    read: (r) => r.ratio?.cpu,
  },
  {
    what: "latency added to direct, 1 connection, p50",
    unit: "ms",
    bar: 0.1,
    aim: 0.04,
    best: "low",
    read: (r) => r.added_ms?.p50,
  },
  {
    what: "latency added to direct, p99 under 50 % load",
    unit: "ms",
    bar: 2,
    aim: 0.5,
    best: "low",
    read: (r) => r.added_ms?.p99_half_load,
  },
  {
    what: "`tools/list`, a page of 1,000 of 10,000 tools on 500 servers, permission-filtered, first",
    unit: "ms",
    bar: 5,
    aim: 5,
    best: "low",
    read: (r) => r.tools_list?.first_ms,
  },
  {
    what: "the same page after that",
    unit: "ms",
    bar: 0.5,
    aim: 0.5,
    best: "low",
    read: (r) => r.tools_list?.after_ms,
  },
  {
    what: "CPU per call, 10,000 tools ÷ 10 tools",
    unit: "×",
    bar: 1.15,
    aim: 1,
    best: "low",
    read: (r) => r.growth?.tools?.ratio,
  },
  {
    what: "CPU per call, 10,000 keys ÷ 10 keys",
    unit: "×",
    bar: 1.15,
    aim: 1,
    best: "low",
    read: (r) => r.growth?.keys?.ratio,
  },
  {
    what: "CPU per call, 10,000 policies ÷ 10 policies",
    unit: "×",
    bar: 1.15,
    aim: 1,
    best: "low",
    read: (r) => r.growth?.policies?.ratio,
  },
  {
    what: "CPU per call, 10,000 tenants ÷ 10 tenants",
    unit: "×",
    bar: 1.15,
    aim: 1,
    best: "low",
    read: (r) => r.growth?.tenants?.ratio,
  },
  {
    what: "memory idle, 100 servers",
    unit: "MiB",
    bar: 120,
    aim: 80,
    best: "low",
    read: (r) => r.idle_rss_mb,
  },
  {
    what: "memory per idle stream",
    unit: "KiB",
    bar: 32,
    aim: 12,
    best: "low",
    read: (r) => r.streams?.kib_each,
  },
  {
    what: "calls' p99 with 10,000 idle streams ÷ without",
    unit: "×",
    bar: 1.5,
    aim: 1.5,
    best: "low",
    read: (r) => r.streams?.p99_ratio,
  },
  {
    what: "cold start to ready, embedded store, 100 servers",
    unit: "ms",
    bar: 1000,
    aim: 300,
    best: "low",
    read: (r) => r.ready_ms,
  },
  {
    what: "audit journal, hash-chained, on one core",
    unit: "records/s",
    bar: 100_000,
    aim: 200_000,
    best: "high",
    read: (r) => r.journal_records_per_s,
  },
];

export function barTable(report: Report): string {
  const rows = bars.map((bar) => {
    const value = bar.read(report);
    const sign = bar.best === "high" ? "≥" : "≤";
    return `| ${bar.what} | ${sign} ${number(bar.bar)} ${bar.unit} | ${number(bar.aim)} | ${value === undefined ? "not measured" : number(value)} | ${verdict(bar, value)} |`;
  });
  return ["| what | bar | aim | measured | |", "|---|---|---|---|---|", ...rows].join("\n");
}

function verdict(bar: Bar, value: number | undefined): string {
  if (value === undefined) return "";
  const meets = (limit: number) => (bar.best === "high" ? value >= limit : value <= limit);
  return meets(bar.aim) ? "aim" : meets(bar.bar) ? "bar" : "**missed**";
}

export function figureTable(report: Report): string {
  const { against } = report;
  const rows: [string, Figures | undefined][] = [
    ["direct", report.direct],
    ["nginx", report.nginx],
    ["gateway", report.gateway],
    [`gateway at ${against?.commit.slice(0, 10) ?? ""}`, against?.figures],
  ];
  return [
    "| | calls/s | p50 ms | p99 ms | CPU µs/call | MiB | p50 ms, 1 connection | p99 ms, half load |",
    "|---|---|---|---|---|---|---|---|",
    ...rows.flatMap(([name, figures]) =>
      figures === undefined
        ? []
        : `| ${name} | ${[figures.rps, figures.p50_ms, figures.p99_ms, figures.cpu_us, figures.rss_mb, figures.p50_one_connection_ms, figures.p99_half_load_ms].map(number).join(" | ")} |`,
    ),
  ].join("\n");
}

export function machineLine(report: Report): string {
  const { cpu, cores, memory_gib, load_average, bun, os } = report.machine;
  return `${cores} × ${cpu}, ${number(memory_gib)} GiB, ${os}, Bun ${bun}; load average before the run ${number(load_average)}`;
}

export function text(report: Report): string {
  return [
    machineLine(report),
    `Layers: ${report.layers.join(", ")}`,
    ...(report.gateway === undefined ? [] : ["", figureTable(report)]),
    "",
    barTable(report),
  ].join("\n");
}

const BEGIN = "<!-- measured: written by the benchmark -->";
const END = "<!-- end of measured -->";

/** Replaces the measured part of the document. */
export function writeDocs(path: string, report: Report): void {
  const page = readFileSync(path, "utf8");
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${path} has no place for the figures`);
  const measured = [
    BEGIN,
    `${report.date}, commit ${report.commit.slice(0, 10)}. ${machineLine(report)}.`,
    "",
    `Layers on: ${report.layers.join(", ")}.`,
    "",
    barTable(report),
    ...(report.gateway === undefined ? [] : ["", figureTable(report)]),
    "",
  ].join("\n");
  writeFileSync(path, page.slice(0, begin) + measured + page.slice(end));
}

function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
