/** The gateway under measurement: started by its own command with a configuration file, as an operator would. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { freePort, run, type Started, start } from "./processes.ts";

const READY_MS_MAX = 60_000;

export interface ServerEntry {
  readonly name: string;
  readonly url: string;
}

/** A folder with a configuration, which may be started more than once. */
export interface GatewaySetup {
  /** The tree it runs from. */
  readonly root: string;
  readonly folder: string;
  readonly configPath: string;
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
}

export interface RunningGateway extends GatewaySetup {
  readonly process: Started;
  /** From its start to the first 200 of `/ready`. */
  readonly readyMs: number;
}

export async function setUpGateway(
  root: string,
  folder: string,
  servers: readonly ServerEntry[],
  policies = 0,
): Promise<GatewaySetup> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const configPath = join(folder, "gateway.yaml");
  const settings = {
    server: { url: `http://localhost:${port}`, host: "127.0.0.1", port },
    outbound: { allow: ["loopback"] },
    audit: { durability: "standard" },
    rate_limits: { rules: LIMIT_RULES },
    policies: { default: "allow", rules: [...POLICY_RULES, ...unrelated(policies)] },
    // Room for the benchmark's streams, all of one key.
    limits: { streams: 20_000, streams_per_principal: 20_000, concurrent_requests: 30_000 },
    proxy: {
      servers: servers.map(({ name, url }) => ({ name, type: "streamable-http", connection: { url } })),
    },
  };
  writeFileSync(configPath, stringify(settings));
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
  const environment = { MCP_GATEWAY_DATA_DIR: join(folder, "data"), MCP_GATEWAY_MASTER_KEY: key };
  return { root, folder, configPath, port, environment };
}

/** Four rules that every call is counted by, and none is ever refused by. */
const PLENTY = 1_000_000_000;
const LIMIT_RULES = [
  { name: "per-address", per: ["ip"], limit: PLENTY, window: "1m" },
  { name: "per-key", per: ["key"], algorithm: "token_bucket", limit: PLENTY, window: "1m" },
  { name: "per-organization", per: ["organization"], algorithm: "fixed_window", limit: PLENTY, window: "1m" },
  { name: "per-tool", per: ["key", "tool"], limit: PLENTY, window: "1m" },
];

/** One decided when permissions are compiled, and one whose condition is evaluated for every call. */
const POLICY_RULES = [
  { name: "no-deletes", effect: "deny", resources: ["*:delete_*"] },
  {
    name: "no-forbidden-words",
    effect: "deny",
    actions: ["call"],
    resources: ["*:*"],
    condition: `args.text == "forbidden"`,
  },
];

/** Policies that speak of other tools. */
function unrelated(count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `other-${index}`,
    effect: "deny",
    actions: ["call"],
    resources: [`other-${index % 100}:tool_${index}`],
    condition: "args.n > 7",
  }));
}

/** @throws Error with its output where it does not get ready */
export async function startGateway(
  setup: GatewaySetup,
  bunOptions: readonly string[] = [],
): Promise<RunningGateway> {
  const environment = {
    ...setup.environment,
    ...(bunOptions.length > 0 && { BUN_OPTIONS: bunOptions.join(" ") }),
  };
  const startedAt = performance.now();
  const program = join(setup.root, "bin/mcp-gateway");
  const process = start("gateway", [program, "serve", "--config", setup.configPath], {
    cwd: setup.folder,
    environment,
  });
  while (!(await isReady(setup.port))) {
    if (!process.isRunning() || performance.now() - startedAt > READY_MS_MAX) {
      await process.stop();
      throw new Error(`the gateway did not get ready:\n${process.output()}`);
    }
    await Bun.sleep(2);
  }
  return { ...setup, process, readyMs: performance.now() - startedAt };
}

async function isReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(1_000) }).catch(
    () => undefined,
  );
  return answer?.status === 200;
}

/** A key of role `user` that reaches what the patterns say. */
export async function mintKey(
  setup: GatewaySetup,
  permissions: readonly string[],
  options: readonly string[] = [],
): Promise<string> {
  const command = [
    join(setup.root, "bin/mcp-gateway"),
    "keys",
    "create",
    "--name",
    "bench",
    "--role",
    "user",
  ];
  const patterns = permissions.flatMap((pattern) => ["--permission", pattern]);
  const text = await run([...command, ...patterns, ...options, "--json", "--config", setup.configPath], {
    cwd: setup.folder,
    environment: setup.environment,
  });
  return (JSON.parse(text) as { key: string }).key;
}

/** Many keys at once, in one process of the tree's own code. */
export async function mintKeys(
  setup: GatewaySetup,
  count: number,
  permissions: readonly string[],
): Promise<readonly string[]> {
  const script = join(import.meta.dir, "mint-keys.ts");
  const args = [setup.root, setup.configPath, String(count), ...permissions];
  const text = await run([process.execPath, script, ...args], {
    cwd: setup.folder,
    environment: setup.environment,
    timeoutMs: 120_000,
  });
  return text.trim().split("\n");
}

/** The layers a request passes, in order, as the tree's tables name them. */
export function layersOf(root: string): readonly string[] {
  const table = readFileSync(join(root, "src/gateway/pipeline.ts"), "utf8");
  return [...table.matchAll(/\bname: "([^"]+)"/g)].map((match) => match[1] ?? "");
}
