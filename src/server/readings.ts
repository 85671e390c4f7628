import type { Gateway } from "../gateway/gateway.ts";
import type { Reading } from "../telemetry/metrics.ts";
import type { Front } from "./front.ts";

export interface ReadingDeps {
  readonly gateway: Gateway;
  readonly front: Front;
  readonly journal: { stats(): object };
  readonly sessions: { readonly size: number };
  readonly waiting: { readonly size: number };
  readonly cluster: ClusterCounts | undefined;
  readonly limiting: { readings(): readonly Reading[] };
}
export interface ClusterCounts {
  readonly counts: { readonly forwarded: number; readonly lost: number; readonly told: number };
  readonly directory: { readonly others: readonly unknown[] };
}

/** What the process knows of itself, read at each scrape. */
export function readings({
  gateway,
  front,
  journal,
  sessions,
  waiting,
  cluster,
  limiting,
}: ReadingDeps): readonly Reading[] {
  const gauge = (name: string, help: string, value: () => number): Reading => ({
    name,
    help,
    type: "gauge",
    values: () => [{ value: value() }],
  });
  const layers =
    (pick: (meter: { entered: number; refused: number; sampledMs: number; samples: number }) => number) =>
    () =>
      [...gateway.meters].map(([layer, meter]) => ({ labels: { layer }, value: pick(meter) }));
  return [
    gauge("mcp_gateway_requests_under_way", "HTTP requests under way.", () => front.underWay),
    gauge("mcp_gateway_sessions", "Legacy clients' sessions held by this process.", () => sessions.size),
    gauge(
      "mcp_gateway_waiting_requests",
      "Requests and streams whose answer is still open.",
      () => waiting.size,
    ),
    gauge(
      "mcp_gateway_parked_calls",
      "Calls that put questions to their 2026-07-28 clients and have not ended.",
      () => gateway.parked,
    ),
    gauge("mcp_gateway_subscriptions", "Subscriptions of clients.", () => gateway.subscriptions),
    gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss()),
    {
      name: "process_cpu_seconds_total",
      help: "User and system CPU time.",
      type: "counter",
      values: () => {
        const { user, system } = process.cpuUsage();
        return [{ value: (user + system) / 1e6 }];
      },
    },
    {
      name: "mcp_gateway_layer_entered_total",
      help: "Calls that entered a layer of the pipeline.",
      type: "counter",
      values: layers((meter) => meter.entered),
    },
    {
      name: "mcp_gateway_layer_refused_total",
      help: "Calls a layer refused.",
      type: "counter",
      values: layers((meter) => meter.refused),
    },
    {
      name: "mcp_gateway_layer_seconds_mean",
      help: "Mean time a call spends in a layer before it passes on, of every 64th call.",
      type: "gauge",
      values: layers((meter) => (meter.samples === 0 ? 0 : meter.sampledMs / meter.samples / 1000)),
    },
    ...(cluster === undefined ? [] : peerReadings(cluster)),
    ...limiting.readings(),
    ...Object.entries(journal.stats() as Record<string, number>).map(([key, value]) =>
      gauge(`mcp_gateway_journal_${snake(key)}`, `Journal: ${snake(key).replaceAll("_", " ")}.`, () => value),
    ),
  ];
}

function peerReadings({ counts, directory }: ClusterCounts): readonly Reading[] {
  const counter = (name: string, help: string, value: () => number): Reading => ({
    name,
    help,
    type: "counter",
    values: () => [{ value: value() }],
  });
  return [
    {
      name: "mcp_gateway_peers",
      help: "Other processes of the installation that live.",
      type: "gauge",
      values: () => [{ value: directory.others.length }],
    },
    counter("mcp_gateway_peer_forwarded_total", "Requests handed to their owner.", () => counts.forwarded),
    counter("mcp_gateway_peer_lost_total", "Requests whose owner was gone.", () => counts.lost),
    counter("mcp_gateway_peer_messages_total", "Messages sent to other processes.", () => counts.told),
  ];
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
