import type { Exchange } from "../model/exchange.ts";

/** Upper bounds in seconds. */
export const DURATION_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];

export interface CallSeries {
  readonly namespace: string;
  readonly server: string;
  readonly method: string;
  /** The tool of a `tools/call`; empty otherwise. */
  readonly tool: string;
  readonly outcome: string;
  count: number;
}
export interface DurationSeries {
  readonly namespace: string;
  readonly server: string;
  readonly buckets: number[];
  sumSeconds: number;
  count: number;
}

/** Everything past the cap is counted here. */
const OVERFLOW = "overflow";
const ERROR_CODES_MAX = 200;

/** What is counted of one server: few series a tool, so that they are gone through. */
interface ServerCounts {
  readonly durations: DurationSeries;
  readonly byTool: Map<string, CallSeries[]>;
}

/**
 * Counters of the hot path: found by names as they are, since a key joined of them would have to be made for every call. The
 * Prometheus library renders them when somebody scrapes, and is not loaded before. Only names the catalog resolved become
 * labels, and methods of a closed list, so a caller cannot make series.
 */
export class CallCounters {
  readonly calls: CallSeries[] = [];
  readonly durations: DurationSeries[] = [];
  readonly errors = new Map<string, number>();
  readonly #servers = new Map<string, Map<string, ServerCounts>>();
  readonly #seriesMax: number;

  constructor(seriesMax: number) {
    this.#seriesMax = seriesMax;
  }

  count(exchange: Exchange, status: string, errorCode: string | undefined, durationMs: number): void {
    const { target, method, endpoint } = exchange;
    const server = target?.server.name ?? "other";
    // Of a server that never answered it may be any name.
    const tool =
      target?.kind === "tool" && target.definition !== undefined
        ? target.name
        : method === "tools/call"
          ? "other"
          : "";
    const known = KNOWN_METHODS.has(method) ? method : target?.kind === "extension" ? "extension" : "other";
    const counts = this.#countsOf(endpoint.namespaceSlug, server);
    this.#series(counts, known, tool, status).count++;
    observe(counts.durations, durationMs / 1000);
    if (errorCode !== undefined) this.#countError(errorCode);
  }

  /** Servers invent codes; past the cap they are one series. */
  #countError(code: string): void {
    const name = this.errors.has(code) || this.errors.size < ERROR_CODES_MAX ? code : OVERFLOW;
    this.errors.set(name, (this.errors.get(name) ?? 0) + 1);
  }

  #countsOf(namespace: string, server: string): ServerCounts {
    const known = this.#servers.get(namespace)?.get(server);
    if (known !== undefined) return known;
    if (this.durations.length >= this.#seriesMax && server !== OVERFLOW) {
      return this.#countsOf(OVERFLOW, OVERFLOW);
    }
    const buckets = DURATION_BUCKETS.map(() => 0);
    const durations = { namespace, server, buckets, sumSeconds: 0, count: 0 };
    const counts = { durations, byTool: new Map() };
    this.durations.push(durations);
    let servers = this.#servers.get(namespace);
    if (servers === undefined) this.#servers.set(namespace, (servers = new Map()));
    servers.set(server, counts);
    return counts;
  }

  #series(counts: ServerCounts, method: string, tool: string, outcome: string): CallSeries {
    const { namespace, server } = counts.durations;
    const ofTool = counts.byTool.get(tool);
    for (const series of ofTool ?? []) {
      if (series.outcome === outcome && series.method === method) return series;
    }
    if (this.calls.length >= this.#seriesMax && (server !== OVERFLOW || tool !== "")) {
      return this.#series(this.#countsOf(OVERFLOW, OVERFLOW), method, "", outcome);
    }
    const series = { namespace, server, method, tool, outcome, count: 0 };
    this.calls.push(series);
    if (ofTool === undefined) counts.byTool.set(tool, [series]);
    else ofTool.push(series);
    return series;
  }
}

function observe(series: DurationSeries, seconds: number): void {
  series.count++;
  series.sumSeconds += seconds;
  let bucket = 0;
  while (bucket < DURATION_BUCKETS.length && seconds > (DURATION_BUCKETS[bucket] as number)) bucket++;
  if (bucket < DURATION_BUCKETS.length) series.buckets[bucket] = (series.buckets[bucket] as number) + 1;
}

const KNOWN_METHODS = new Set([
  "tools/list",
  "tools/call",
  "prompts/list",
  "prompts/get",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "completion/complete",
]);
