import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Target } from "../model/exchange.ts";
import { InProcessUpstream } from "../model/ports/in-process-upstream.testing.ts";
import { sampleExchange, sampleServer } from "../model/sample-exchange.testing.ts";
import { CallCounters } from "./call-counters.ts";
import { METRICS, renderMetrics } from "./metrics.ts";

const server = sampleServer("github");
const upstream = new InProcessUpstream(server, {});

function counted(
  counters: CallCounters,
  method: string,
  found: Partial<Target> | undefined,
  status = "ok",
  errorCode?: string,
  durationMs = 3,
): void {
  const exchange = sampleExchange({ method });
  exchange.target = found && {
    kind: "tool",
    server,
    upstream,
    name: "t",
    definition: {},
    repeatable: false,
    ...found,
  };
  counters.count(exchange, status, errorCode, durationMs);
}
const render = async (calls: CallCounters) =>
  (
    await renderMetrics({
      calls,
      upstreams: () => [upstream],
      readings: [],
      version: "1.2.3",
      namespaceSlug: () => "default",
    })
  ).text;
const samples = (text: string, name: string) =>
  text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));

test("tools called, succeeded, failed and listed, with their labels", async () => {
  const counters = new CallCounters(100);
  counted(counters, "tools/call", { name: "create_issue" });
  counted(counters, "tools/call", { name: "create_issue" });
  counted(counters, "tools/call", { name: "create_issue" }, "tool_error");
  counted(counters, "tools/call", undefined, "refused", "tool_unknown");
  counted(counters, "tools/list", undefined);
  const text = await render(counters);
  const issue = 'namespace="default",server="github",tool="create_issue"';
  expect(samples(text, "mcp_gateway_tools_called_total")).toEqual([
    `mcp_gateway_tools_called_total{${issue},outcome="ok"} 2`,
    `mcp_gateway_tools_called_total{${issue},outcome="tool_error"} 1`,
    'mcp_gateway_tools_called_total{namespace="default",server="other",tool="other",outcome="refused"} 1',
  ]);
  expect(samples(text, "mcp_gateway_tools_call_success_total")).toEqual([
    `mcp_gateway_tools_call_success_total{${issue},outcome="ok"} 2`,
  ]);
  expect(samples(text, "mcp_gateway_tools_call_errors_total")).toHaveLength(2);
  expect(samples(text, "mcp_gateway_list_tools_total")).toEqual([
    'mcp_gateway_list_tools_total{namespace="default",outcome="ok"} 1',
  ]);
  expect(samples(text, "mcp_gateway_errors_total")).toEqual([
    'mcp_gateway_errors_total{code="tool_unknown"} 1',
  ]);
  expect(samples(text, "mcp_gateway_info")).toEqual(['mcp_gateway_info{version="1.2.3"} 1']);
  expect(samples(text, "mcp_gateway_upstream_up")).toEqual([
    'mcp_gateway_upstream_up{namespace="default",server="github"} 1',
  ]);
});

test("servers of one name in two organisations are one series: up when both are, their calls added", async () => {
  const away = new InProcessUpstream({ ...server, organizationId: "other" }, {});
  away.lists = undefined;
  const { text } = await renderMetrics({
    calls: new CallCounters(100),
    upstreams: () => [away, upstream],
    readings: [],
    version: "1.2.3",
    namespaceSlug: () => "default",
  });
  expect(samples(text, "mcp_gateway_upstream_up")).toEqual([
    'mcp_gateway_upstream_up{namespace="default",server="github"} 0',
  ]);
});

test("durations are a histogram whose buckets add up", async () => {
  const counters = new CallCounters(100);
  for (const durationMs of [0.5, 1, 3, 3, 400_000])
    counted(counters, "tools/call", {}, "ok", undefined, durationMs);
  const lines = samples(await render(counters), "mcp_gateway_request_duration_seconds_bucket");
  const value = (le: string) => Number(lines.find((line) => line.includes(`le="${le}"`))?.split(" ")[1]);
  expect(["0.001", "0.0025", "0.005", "300", "+Inf"].map(value)).toEqual([2, 2, 4, 4, 5]);
  const text = await render(counters);
  expect(samples(text, "mcp_gateway_request_duration_seconds_count")[0]).toEndWith(" 5");
  expect(Number(samples(text, "mcp_gateway_request_duration_seconds_sum")[0]?.split(" ")[1])).toBeCloseTo(
    400.0075,
    6,
  );
  expect(text).toContain("# TYPE mcp_gateway_request_duration_seconds histogram");
});

describe("a caller makes no series", () => {
  test("by names, URIs or methods of its own", () => {
    const counters = new CallCounters(10_000);
    for (let i = 0; i < 500; i++) {
      counted(counters, `invented/${i}`, undefined, "refused", "method_unknown");
      counted(counters, "tools/call", undefined, "refused", "tool_unknown");
      counted(counters, "resources/read", { kind: "resource", name: `x://${i}` });
      counted(counters, `acme/${i}`, { kind: "extension", name: `acme/${i}` });
      counted(counters, "completion/complete", { kind: "completion", name: `p${i}` });
    }
    expect(counters.calls.map(({ method, tool, count }) => [method, tool, count])).toEqual([
      ["other", "", 500],
      ["tools/call", "other", 500],
      ["resources/read", "", 500],
      ["extension", "", 500],
      ["completion/complete", "", 500],
    ]);
  });

  test("nor a server, by codes it invents or more tools than the cap", () => {
    const counters = new CallCounters(50);
    for (let i = 0; i < 1_000; i++) counted(counters, "tools/call", { name: `t${i}` }, "error", String(-i));
    expect(counters.errors.size).toBeLessThanOrEqual(201);
    expect(counters.calls.length).toBeLessThanOrEqual(52);
    const total = counters.calls.reduce((sum, { count }) => sum + count, 0);
    expect(total).toBe(1_000);
    const overflow = counters.calls.filter((series) => series.server === "overflow");
    expect(overflow.map(({ count }) => count)).toEqual([950]);
  });

  test("and past the cap of servers all others are one, each call counted once", () => {
    const counters = new CallCounters(20);
    for (let i = 0; i < 100; i++) {
      const named = { ...server, name: `s${i}` };
      for (const status of ["ok", "error"]) counted(counters, "tools/call", { server: named }, status);
    }
    const sum = (series: readonly { readonly count: number }[]) =>
      series.reduce((total, { count }) => total + count, 0);
    expect([sum(counters.calls), sum(counters.durations)]).toEqual([200, 200]);
    expect(counters.calls.length).toBeLessThanOrEqual(22);
    expect(counters.durations.length).toBeLessThanOrEqual(21);
  });
});

test("names and values that need escapes do not break the format", async () => {
  const counters = new CallCounters(10);
  counted(counters, "tools/call", { name: 'a"b\\c\nd' });
  const [line = ""] = samples(await render(counters), "mcp_gateway_tools_called_total");
  expect(line).toContain('tool="a\\"b\\\\c\\nd"');
});

test("docs/metrics.md names every metric with its type, labels and meaning, and no other", async () => {
  const page = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \| ([\w, ]*) \| (.+) \|$/gm)];
  expect(Object.fromEntries(rows.map(([, name, , , meaning]) => [name, meaning]))).toEqual(METRICS);
  const counters = new CallCounters(10);
  counted(counters, "tools/call", {});
  counted(counters, "tools/call", {}, "error", "upstream_lost");
  counted(counters, "tools/list", undefined);
  const text = await render(counters);
  for (const [, name = "", type, labels = ""] of rows) {
    expect(text).toContain(`# TYPE ${name} ${type}\n`);
    const sample = type === "histogram" ? `${name}_sum` : name;
    const found = [...(samples(text, sample)[0] ?? "").matchAll(/(\w+)="/g)].map(([, label]) => label);
    expect([name, found.join(", ")]).toEqual([name, labels]);
  }
});
