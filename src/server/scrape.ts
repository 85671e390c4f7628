import { GatewayError } from "../errors/gateway-error.ts";
import type { Cluster } from "../peers/cluster.ts";
import { mergeMetrics } from "../telemetry/merged-metrics.ts";

/** Longest wait of a scrape for the metrics of the other workers. */
const METRICS_MS_MAX = 2_000;

interface Metrics {
  readonly text: string;
  readonly contentType: string;
}

/**
 * What a scrape gets: the metrics of this process, and where workers share its port, of all of them.
 * @throws GatewayError (the promise rejects) `not_found` where `features.metrics` is off
 */
export function scrape(
  own: () => Promise<Metrics>,
  workers: Pick<Cluster, "id" | "askSiblings"> | undefined,
  isServed: () => boolean,
): () => Promise<Metrics> {
  return async () => {
    if (!isServed()) throw new GatewayError("not_found");
    const { text, contentType } = await own();
    if (workers === undefined) return { text, contentType };
    const others = await workers.askSiblings("metrics", METRICS_MS_MAX);
    return { text: mergeMetrics([{ id: workers.id, text }, ...others]), contentType };
  };
}
