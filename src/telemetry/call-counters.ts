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

/**
 * Counters of the hot path: one map look-up and one addition a call. The Prometheus library renders them when somebody
 * scrapes, and is not loaded before. Only names the catalog resolved become labels, and methods of a closed list, so a caller cannot make series.
 */
export class CallCounters {
  readonly calls = new Map<string, CallSeries>();
  readonly durations = new Map<string, DurationSeries>();
  readonly errors = new Map<string, number>();
  readonly #seriesMax: number;

  constructor(seriesMax: number) {
    this.#seriesMax = seriesMax;
  }

  count(exchange: Exchange, status: string, errorCode: string | undefined, durationMs: number): void {
    const { target, method, endpoint } = exchange;
    const server = target?.server.name ?? "other";
    const tool = target?.kind === "tool" ? target.name : method === "tools/call" ? "other" : "";
    const known = KNOWN_METHODS.has(method) ? method : target?.kind === "extension" ? "extension" : "other";
    this.#series(endpoint.namespaceSlug, server, known, tool, status).count++;
    this.#observe(endpoint.namespaceSlug, server, durationMs / 1000);
    if (errorCode !== undefined) this.#countError(errorCode);
  }

  /** Servers invent codes; past the cap they are one series. */
  #countError(code: string): void {
    const name = this.errors.has(code) || this.errors.size < ERROR_CODES_MAX ? code : OVERFLOW;
    this.errors.set(name, (this.errors.get(name) ?? 0) + 1);
  }

  #series(namespace: string, server: string, method: string, tool: string, outcome: string): CallSeries {
    const key = `${namespace}|${server}|${method}|${outcome}|${tool}`;
    let series = this.calls.get(key);
    if (series === undefined) {
      if (this.calls.size >= this.#seriesMax && server !== OVERFLOW) {
        return this.#series(OVERFLOW, OVERFLOW, method, "", outcome);
      }
      series = { namespace, server, method, tool, outcome, count: 0 };
      this.calls.set(key, series);
    }
    return series;
  }

  #observe(namespace: string, server: string, seconds: number): void {
    const key = `${namespace}|${server}`;
    let series = this.durations.get(key);
    if (series === undefined) {
      if (this.durations.size >= this.#seriesMax && server !== OVERFLOW) {
        this.#observe(OVERFLOW, OVERFLOW, seconds);
        return;
      }
      series = { namespace, server, buckets: DURATION_BUCKETS.map(() => 0), sumSeconds: 0, count: 0 };
      this.durations.set(key, series);
    }
    series.count++;
    series.sumSeconds += seconds;
    let bucket = 0;
    while (bucket < DURATION_BUCKETS.length && seconds > (DURATION_BUCKETS[bucket] as number)) bucket++;
    if (bucket < DURATION_BUCKETS.length) series.buckets[bucket] = (series.buckets[bucket] as number) + 1;
  }
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
