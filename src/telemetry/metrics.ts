import type { Upstream } from "../model/ports/upstream.ts";
import type { ServerDefinition } from "../model/server.ts";
import { type CallCounters, DURATION_BUCKETS } from "./call-counters.ts";

/** A number the process knows, read when somebody scrapes. */
export interface Reading {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly values: () => readonly {
    readonly labels?: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

export interface MetricsDeps {
  readonly calls: CallCounters;
  readonly upstreams: () => readonly Upstream[];
  readonly namespaceSlug: (server: ServerDefinition) => string;
  readonly readings: readonly Reading[];
  readonly version: string;
}

/** The names and meanings of the metrics rendered here; `docs/metrics.md` is compared with this table. */
export const METRICS = {
  mcp_gateway_tools_called_total: "Tool calls by namespace, server, tool and outcome.",
  mcp_gateway_tools_call_success_total:
    "Tool calls that ended with a result the server did not mark as an error.",
  mcp_gateway_tools_call_errors_total: "Tool calls that ended any other way.",
  mcp_gateway_list_tools_total: "tools/list requests.",
  mcp_gateway_requests_total: "MCP requests by namespace, server, method and outcome.",
  mcp_gateway_request_duration_seconds: "Time from arrival to answer, by namespace and server.",
  mcp_gateway_errors_total: "Errors the gateway answered or relayed, by code.",
  mcp_gateway_upstream_up: "1 while a server is connected and its lists are known.",
  mcp_gateway_upstream_in_flight: "Calls under way at a server.",
  mcp_gateway_upstream_sessions: "Legacy sessions and child processes held for a server.",
  mcp_gateway_upstream_breaker_open: "1 while a server's circuit breaker is open.",
  mcp_gateway_info: "Version of the gateway.",
} as const;

/** Prometheus text (exposition format 0.0.4). */
export async function renderMetrics(
  deps: MetricsDeps,
): Promise<{ readonly text: string; readonly contentType: string }> {
  const { Registry } = await import("prom-client");
  const registry = new Registry();
  await registerCalls(registry, deps.calls);
  await registerUpstreams(registry, deps.upstreams(), deps.namespaceSlug);
  const { Counter, Gauge } = await import("prom-client");
  new Gauge({ ...named("mcp_gateway_info"), labelNames: ["version"], registers: [registry] }).set(
    { version: deps.version },
    1,
  );
  for (const reading of deps.readings) {
    const values = reading.values();
    const labelNames = Object.keys(values[0]?.labels ?? {});
    const options = { name: reading.name, help: reading.help, labelNames, registers: [registry] };
    if (reading.type === "counter") {
      const metric = new Counter(options);
      for (const { labels, value } of values) metric.inc({ ...labels }, value);
    } else {
      const metric = new Gauge(options);
      for (const { labels, value } of values) metric.set({ ...labels }, value);
    }
  }
  return { text: await registry.metrics(), contentType: registry.contentType };
}

type Registry = import("prom-client").Registry;

function named(name: keyof typeof METRICS): { name: string; help: string } {
  return { name, help: METRICS[name] };
}

async function registerCalls(registry: Registry, calls: CallCounters): Promise<void> {
  const { Counter } = await import("prom-client");
  const toolLabels = ["namespace", "server", "tool", "outcome"];
  const called = new Counter({
    ...named("mcp_gateway_tools_called_total"),
    labelNames: toolLabels,
    registers: [registry],
  });
  const success = new Counter({
    ...named("mcp_gateway_tools_call_success_total"),
    labelNames: toolLabels,
    registers: [registry],
  });
  const errors = new Counter({
    ...named("mcp_gateway_tools_call_errors_total"),
    labelNames: toolLabels,
    registers: [registry],
  });
  const listed = new Counter({
    ...named("mcp_gateway_list_tools_total"),
    labelNames: ["namespace", "outcome"],
    registers: [registry],
  });
  const requests = new Counter({
    ...named("mcp_gateway_requests_total"),
    labelNames: ["namespace", "server", "method", "outcome"],
    registers: [registry],
  });
  for (const { namespace, server, method, tool, outcome, count } of calls.calls) {
    requests.inc({ namespace, server, method, outcome }, count);
    if (method === "tools/call") {
      const labels = { namespace, server, tool, outcome };
      called.inc(labels, count);
      (outcome === "ok" ? success : errors).inc(labels, count);
    } else if (method === "tools/list") listed.inc({ namespace, outcome }, count);
  }
  const byCode = new Counter({
    ...named("mcp_gateway_errors_total"),
    labelNames: ["code"],
    registers: [registry],
  });
  for (const [code, count] of calls.errors) byCode.inc({ code }, count);
  registerDurations(registry, calls);
}

/** The library observes single values; ours are already counted, so the buckets are handed over as they are. */
function registerDurations(registry: Registry, calls: CallCounters): void {
  const { name, help } = named("mcp_gateway_request_duration_seconds");
  const values: { labels: Record<string, string | number>; value: number; metricName: string }[] = [];
  for (const { namespace, server, buckets, sumSeconds, count } of calls.durations) {
    const labels = { namespace, server };
    let cumulative = 0;
    DURATION_BUCKETS.forEach((le, i) => {
      cumulative += buckets[i] as number;
      values.push({ labels: { ...labels, le }, value: cumulative, metricName: `${name}_bucket` });
    });
    values.push({ labels: { ...labels, le: "+Inf" }, value: count, metricName: `${name}_bucket` });
    values.push({ labels, value: sumSeconds, metricName: `${name}_sum` });
    values.push({ labels, value: count, metricName: `${name}_count` });
  }
  const metric = {
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    get: async () => ({ name, help, type: "histogram", values, aggregator: "sum" }),
  };
  registry.registerMetric(metric as never);
}

async function registerUpstreams(
  registry: Registry,
  upstreams: readonly Upstream[],
  slugOf: MetricsDeps["namespaceSlug"],
): Promise<void> {
  const { Gauge } = await import("prom-client");
  const gauge = (name: keyof typeof METRICS) =>
    new Gauge({ ...named(name), labelNames: ["namespace", "server"], registers: [registry] });
  // Organisations may have namespaces and servers of the same name; the operator sees them as one, up when all are.
  const series = new Map<string, UpstreamSeries>();
  for (const { server, state } of upstreams) {
    const labels = { namespace: slugOf(server), server: server.name };
    const key = `${labels.namespace} ${labels.server}`;
    const one = series.get(key) ?? { labels, up: 1, inFlight: 0, sessions: 0, open: 0 };
    series.set(key, one);
    if (state.status !== "ready") one.up = 0;
    if (state.breaker === "open") one.open = 1;
    one.inFlight += state.inFlight;
    one.sessions += state.sessions;
  }
  const up = gauge("mcp_gateway_upstream_up");
  const inFlight = gauge("mcp_gateway_upstream_in_flight");
  const sessions = gauge("mcp_gateway_upstream_sessions");
  const open = gauge("mcp_gateway_upstream_breaker_open");
  for (const one of series.values()) {
    up.set(one.labels, one.up);
    inFlight.set(one.labels, one.inFlight);
    sessions.set(one.labels, one.sessions);
    open.set(one.labels, one.open);
  }
}

interface UpstreamSeries {
  readonly labels: { readonly namespace: string; readonly server: string };
  up: 0 | 1;
  inFlight: number;
  sessions: number;
  open: 0 | 1;
}
