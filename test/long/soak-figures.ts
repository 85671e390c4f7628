import { readFileSync } from "node:fs";
import { median } from "../../bench/statistics.ts";
import { openFiles, residentBytes } from "../e2e/process-figures.ts";

const MIB = 1024 * 1024;
const WINDOW_MS = 20_000;
const TEN_MINUTES_MS = 600_000;

export interface Sample {
  readonly atMs: number;
  readonly mib: number;
  readonly files: number;
  readonly timers: number;
}

/** Looks at a process once a second. */
export class Sampler {
  readonly samples: Sample[] = [];
  rejections = 0;
  readonly #timer: Timer;

  constructor(pid: number, timersPath: string) {
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      const { timers, rejections } = JSON.parse(readFileSync(timersPath, "utf8") || "{}") as Record<
        string,
        number
      >;
      this.rejections = rejections ?? 0;
      this.samples.push({
        atMs: performance.now() - startedAt,
        mib: residentBytes(pid) / MIB,
        files: openFiles(pid),
        timers: timers ?? Number.NaN,
      });
    }, 1_000);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/**
 * Growth per ten minutes, in MiB, with its standard error: a line through the least of each 20 s, which is what is left
 * where the collector has just been (`collect.ts` sees to it).
 */
export function growthOf(samples: readonly Sample[]): { readonly slope: number; readonly error: number } {
  const least = new Map<number, number>();
  for (const { atMs, mib } of samples) {
    const window = Math.floor(atMs / WINDOW_MS);
    least.set(window, Math.min(mib, least.get(window) ?? Number.POSITIVE_INFINITY));
  }
  const points = [...least].map(([window, mib]) => [(window * WINDOW_MS) / TEN_MINUTES_MS, mib] as const);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: Math.sqrt(rest / Math.max(1, points.length - 2) / spread) };
}

/** How much more of something there is in the last quarter than in the first. */
export function driftOf(samples: readonly Sample[], what: "files" | "timers"): number {
  const quarter = Math.ceil(samples.length / 4);
  const middle = (part: readonly Sample[]) => median(part.map((sample) => sample[what]));
  return middle(samples.slice(-quarter)) - middle(samples.slice(0, quarter));
}
