import { readFileSync } from "node:fs";
import { isKubernetesLink } from "./kubernetes-link.ts";
import type { ConfigProblem } from "./problem.ts";
import type { Environment } from "./substitution.ts";

/** A variable the gateway reads, and the key of the file it stands for. */
export interface Variable {
  readonly name: string;
  /** Path in the file; undefined where it exists as a variable only. */
  readonly key: string | undefined;
  /** Also read from a file named by `NAME_FILE`, and never shown. */
  readonly secret: boolean;
  readonly doc: string;
}

const variable = (name: string, key: string | undefined, doc = ""): Variable => ({
  name,
  key,
  secret: false,
  doc,
});
const secret = (name: string, key: string, doc = ""): Variable => ({ name, key, secret: true, doc });

/** Every variable, once. A variable wins over the file, a flag over both. */
export const variables: readonly Variable[] = [
  variable(
    "MCP_GATEWAY_ENV",
    undefined,
    "`development`, `production` or `test`; `production` for `serve` unless set.",
  ),
  variable(
    "MCP_GATEWAY_CONFIG",
    undefined,
    "Path of the configuration file; `mcp-gateway.yaml` in the working directory is read unless set.",
  ),
  variable("MCP_GATEWAY_DATA_DIR", "data_dir"),
  variable("MCP_GATEWAY_ROLE", "role"),
  variable("MCP_GATEWAY_WORKERS", "workers"),
  variable("MCP_GATEWAY_ADVERTISE_URL", "cluster.advertise_url"),
  secret("MCP_GATEWAY_MASTER_KEY", "master_key"),
  secret("MCP_GATEWAY_BOOTSTRAP_KEY", "bootstrap_key"),
  variable("MCP_GATEWAY_URL", "server.url"),
  variable("MCP_GATEWAY_HOST", "server.host"),
  variable(
    "MCP_GATEWAY_PORT",
    "server.port",
    "A value such as `tcp://10.0.0.1:80`, as Kubernetes sets for a Service named mcp-gateway, is ignored.",
  ),
  variable("MCP_GATEWAY_ALLOWED_HOSTS", "server.allowed_hosts"),
  variable("MCP_GATEWAY_TRUSTED_PROXIES", "server.trusted_proxies"),
  variable("MCP_GATEWAY_TLS_CERT", "server.tls.cert"),
  variable("MCP_GATEWAY_TLS_KEY", "server.tls.key"),
  variable("MCP_GATEWAY_SHUTDOWN_DELAY", "server.shutdown.delay"),
  variable("MCP_GATEWAY_SHUTDOWN_DRAIN", "server.shutdown.drain"),
  secret("DATABASE_URL", "store.url"),
  variable("MCP_GATEWAY_MIGRATE", "store.migrate"),
  variable("MCP_GATEWAY_DB_POOL_MAX", "store.pool.max"),
  variable("MCP_GATEWAY_DB_CONNECT_TIMEOUT", "store.pool.connect_timeout"),
  variable("MCP_GATEWAY_DB_IDLE_TIMEOUT", "store.pool.idle_timeout"),
  variable("MCP_GATEWAY_DB_STATEMENT_TIMEOUT", "store.pool.statement_timeout"),
  secret("REDIS_URL", "redis.url"),
  variable("MCP_GATEWAY_DURABILITY", "audit.durability"),
  variable("MCP_GATEWAY_RETENTION", "audit.retention"),
  variable("MCP_GATEWAY_LOG_LEVEL", "logging.level"),
  variable("MCP_GATEWAY_LOG_FORMAT", "logging.format"),
  variable("MCP_GATEWAY_SERVER_TIMEOUT", "proxy.defaults.timeout"),
  variable("MCP_GATEWAY_SERVER_MAX_RETRIES", "proxy.defaults.max_retries"),
  variable("MCP_GATEWAY_SERVER_MAX_CONCURRENCY", "proxy.defaults.max_concurrency"),
  variable("MCP_GATEWAY_SERVER_HEARTBEAT", "proxy.defaults.heartbeat"),
  variable("MCP_GATEWAY_SERVER_REFRESH_INTERVAL", "proxy.defaults.refresh_interval"),
  variable("MCP_GATEWAY_RATE_LIMITS", "rate_limits.default_rates"),
  variable("MCP_GATEWAY_ALLOWED_ORIGINS", "cors.allowed_origins"),
  variable("MCP_GATEWAY_OUTBOUND_ALLOW", "outbound.allow"),
  variable("MCP_GATEWAY_TELEMETRY_LISTEN", "telemetry.listen"),
  secret("MCP_GATEWAY_OPERATOR_TOKEN", "telemetry.operator_token"),
  variable("MCP_GATEWAY_DEMO", "features.demo"),
];

/** A value from outside the file: where it goes and what it came from. */
export interface Override {
  readonly key: string;
  readonly value: unknown;
  readonly source: { readonly kind: "environment" | "flag"; readonly name: string };
  readonly secret: boolean;
}

export interface EnvironmentReading {
  readonly overrides: readonly Override[];
  readonly problems: readonly ConfigProblem[];
  readonly notes: readonly string[];
}

/** The one place that touches the process's environment. */
export function processEnvironment(): Environment {
  return process.env;
}

/** Reads the variables of the table; an empty one counts as not set. */
export function readEnvironment(environment: Environment): EnvironmentReading {
  const overrides: Override[] = [];
  const problems: ConfigProblem[] = [];
  const notes: string[] = [];
  for (const entry of variables) {
    const { name, key } = entry;
    if (key === undefined) continue;
    const read = entry.secret ? readSecret(name, environment, problems) : environment[name];
    if (read === undefined || read.trim() === "") continue;
    if (isKubernetesLink(name, read)) {
      notes.push(`${name} is a Kubernetes service link, not a port, and is ignored.`);
      continue;
    }
    const value = key === "master_key" ? read.split(/[\s,]+/).join(",") : read;
    overrides.push({ key, value, source: { kind: "environment", name }, secret: entry.secret });
  }
  return { overrides, problems, notes };
}

function readSecret(name: string, environment: Environment, problems: ConfigProblem[]): string | undefined {
  const fileName = `${name}_FILE`;
  const path = environment[fileName];
  const direct = environment[name];
  if (path === undefined || path === "") return direct;
  const refuse = (found: string, expected: string, fix: string) =>
    problems.push({ source: { kind: "environment", name: fileName }, key: "", found, expected, fix });
  if (direct !== undefined && direct !== "") {
    refuse(`both ${name} and ${fileName}`, "one of them", `unset ${name}`);
    return undefined;
  }
  try {
    const content = readFileSync(path, "utf8").trim();
    if (content === "") refuse(`the empty file ${path}`, "a file that holds the secret", "");
    return content;
  } catch (error) {
    refuse(
      `${path}, which cannot be read (${errorCode(error)})`,
      "a readable file that holds the secret",
      "",
    );
    return undefined;
  }
}

export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
