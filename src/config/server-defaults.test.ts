import { expect, test } from "bun:test";
import { SnapshotCompiler, tenantsOf } from "./compile.ts";
import { sampleLoader } from "./load.testing.ts";
import { printable } from "./print.ts";

const { load, problemsOf, settingsOf } = sampleLoader();

const servers = `
  servers:
    - { name: plain, type: streamable-http, connection: { url: "https://a.example/mcp" } }
    - name: own
      type: streamable-http
      connection: { url: "https://b.example/mcp", timeout: 7s }
      heartbeat: 0
      refresh_interval: 10m
      max_retries: 0
      max_concurrency: 5
`;
const builtIn = {
  timeoutMs: 300_000,
  maxRetries: 3,
  maxConcurrency: 100,
  heartbeatMs: 30_000,
  refreshIntervalMs: 300_000,
};
const own = {
  timeoutMs: 7_000,
  maxRetries: 0,
  maxConcurrency: 5,
  heartbeatMs: 0,
  refreshIntervalMs: 600_000,
};

test("a server that says nothing runs by the built-in defaults, by the file's, or by the environment's", async () => {
  expect((await settingsOf(`proxy:${servers}`)).servers).toMatchObject([builtIn, own]);
  const file = `proxy:\n  defaults: { timeout: 20s, heartbeat: 5s }${servers}`;
  const ofFile = { ...builtIn, timeoutMs: 20_000, heartbeatMs: 5_000 };
  expect((await settingsOf(file)).servers).toMatchObject([ofFile, own]);
  const environment = {
    MCP_GATEWAY_SERVER_HEARTBEAT: "0",
    MCP_GATEWAY_SERVER_REFRESH_INTERVAL: "1m",
    MCP_GATEWAY_SERVER_MAX_RETRIES: "1",
    MCP_GATEWAY_SERVER_MAX_CONCURRENCY: "9",
  };
  const ofEnvironment = {
    timeoutMs: 20_000,
    heartbeatMs: 0,
    refreshIntervalMs: 60_000,
    maxRetries: 1,
    maxConcurrency: 9,
  };
  expect((await settingsOf(file, { environment })).servers).toMatchObject([ofEnvironment, own]);
});

test("a stored server that says nothing of an interval runs by them too", async () => {
  const settings = await settingsOf(undefined, { environment: { MCP_GATEWAY_SERVER_HEARTBEAT: "3s" } });
  const organization = { id: "0192d8a0-0000-7000-8000-000000000001", slug: "acme", isActive: true };
  const namespace = { id: "n", organizationId: organization.id, slug: "default", separator: "__" };
  const row = (name: string, own: object) => ({
    id: name,
    organizationId: organization.id,
    namespaceId: "n",
    name,
    description: "",
    protocol: "streamable-http" as const,
    url: "https://a.example/mcp",
    command: null,
    args: [],
    workingDir: null,
    tags: [],
    version: null,
    metadata: {},
    settings: own,
    secrets: null,
    secretsUnreadable: false,
    timeoutSeconds: 30,
    maxRetries: 3,
    isActive: true,
    createdAt: 0,
    updatedAt: 0,
  });
  const rows = {
    organizations: [organization],
    namespaces: [namespace],
    servers: [row("plain", {}), row("own", { heartbeat: "9s" })],
    rateLimits: [],
    policies: [],
    claimMappings: [],
  };
  const tenants = tenantsOf(rows as unknown as Parameters<typeof tenantsOf>[0]);
  const { snapshot } = new SnapshotCompiler().compile(settings, tenants, 1);
  const served = snapshot.organizations.get(organization.id)?.namespacesById.get("n")?.servers ?? [];
  expect(served.map(({ name, heartbeatMs }) => [name, heartbeatMs])).toEqual([
    ["own", 9_000],
    ["plain", 3_000],
  ]);
});

test("rates in short become rules of every organisation", async () => {
  const environment = { MCP_GATEWAY_RATE_LIMITS: "user=600/1m, user+tool=60/120s,organization=100000/day" };
  const { rateLimits } = await settingsOf("rate_limits: { default_rates: [key=1/1s] }", { environment });
  expect(rateLimits.defaults).toMatchObject([
    { name: "user-per-1m", per: ["user"], limit: 600, windowMs: 60_000, algorithm: "sliding_window" },
    { name: "user-tool-per-2m", per: ["user", "tool"], limit: 60, windowMs: 120_000 },
    {
      name: "organization-per-day",
      per: ["organization"],
      limit: 100_000,
      algorithm: "quota",
      period: "day",
    },
  ]);
  const loaded = await load("rate_limits: { default_rates: [user=600/1m, key=9/month] }");
  if ("problems" in loaded) throw new Error("not taken");
  expect(printable(loaded.file, loaded.origins)).toMatchObject({
    rate_limits: { default_rates: ["user=600/1m", "key=9/month"] },
  });
});

test("mistakes name the variable, or the place in the file", async () => {
  const of = (MCP_GATEWAY_RATE_LIMITS: string) =>
    problemsOf(undefined, { environment: { MCP_GATEWAY_RATE_LIMITS } });
  for (const text of ["600", "user=600", "user=0/1m", "user=600/1ms", "user=1/year", "=1/1m"])
    expect([text, (await of(text)).length]).toEqual([text, 1]);
  expect((await of("user=600"))[0]).toStartWith("environment variable MCP_GATEWAY_RATE_LIMITS");
  expect((await of("users=600/1m"))[0]).toContain('"users" is none');
  expect((await of("user=1/1m,user=2/1m"))[0]).toContain('a second rule called "user-per-1m"');
  expect(await problemsOf("proxy:\n  defaults: { heartbeat: 30 }\n")).toMatchObject([
    expect.stringMatching(/^gateway\.yaml:2:\d+: proxy\.defaults\.heartbeat: found 30, expected a duration/),
  ]);
  const environment = { MCP_GATEWAY_SERVER_REFRESH_INTERVAL: "10ms" };
  expect((await problemsOf(undefined, { environment }))[0]).toMatch(/REFRESH_INTERVAL.*at least 1s/);
});
