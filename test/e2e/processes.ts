import { randomBytes } from "node:crypto";
import { postgresDatabase, type TestDatabase } from "../servers/postgres.ts";
import { type Alternating, startAlternating } from "./alternating.ts";
import { eventually } from "./child.ts";
import { type Gateway, type GatewayOptions, startGateway } from "./gateway.ts";

/**
 * Several processes behind a balancer that sticks to nothing. `mcpUrl`, `origin` are the balancer's; each request takes a
 * connection of its own, so that of two workers either may get it, and of two replicas the other one.
 */
export interface Processes {
  readonly origin: string;
  readonly balancer: Alternating;
  readonly databaseUrl: string;
  /** One gateway with its workers, or the replicas. */
  readonly gateways: readonly Gateway[];
  mcpUrl(server?: string): string;
  /** What every gateway said. */
  logs(): string;
  /** The sum of a metric over all processes. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ProcessOptions extends Omit<GatewayOptions, "environment"> {
  /** Workers of one gateway, or gateways. */
  readonly count?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

const OPERATOR_TOKEN = "operator-token-of-the-tests";

/** One gateway with several workers on one port. `undefined` where there is no PostgreSQL. */
export async function startWorkers({
  count = 2,
  ...options
}: ProcessOptions): Promise<Processes | undefined> {
  const database = await postgresDatabase();
  if (database === undefined) return undefined;
  return started(database, count, async () => [
    await startGateway({
      ...options,
      environment: { ...environmentOf(database), MCP_GATEWAY_WORKERS: String(count), ...options.environment },
    }),
  ]);
}

/** Several gateways on one database, that reach each other by URL. `undefined` where there is no PostgreSQL. */
export async function startReplicas({
  count = 2,
  ...options
}: ProcessOptions): Promise<Processes | undefined> {
  const database = await postgresDatabase();
  if (database === undefined) return undefined;
  const master = randomBytes(32).toString("base64");
  return started(database, count, async () => {
    const gateways: Gateway[] = [];
    // The first brings the schema up to date.
    for (let index = 0; index < count; index++)
      gateways.push(await startReplica(options, database.url, master));
    return gateways;
  });
}

/** One more gateway on a database; `masterKey` is the one all of them have. */
export function startReplica(
  options: GatewayOptions,
  databaseUrl: string,
  masterKey: string,
): Promise<Gateway> {
  return startGateway({
    ...options,
    advertised: true,
    environment: {
      ...environmentOf({ url: databaseUrl }),
      MCP_GATEWAY_MASTER_KEY: masterKey,
      ...options.environment,
    },
  });
}

function environmentOf({ url }: { readonly url: string }): Record<string, string> {
  return { DATABASE_URL: url, MCP_GATEWAY_MIGRATE: "auto", MCP_GATEWAY_OPERATOR_TOKEN: OPERATOR_TOKEN };
}

async function started(
  database: TestDatabase,
  count: number,
  start: () => Promise<readonly Gateway[]>,
): Promise<Processes> {
  let gateways: readonly Gateway[];
  try {
    gateways = await start();
  } catch (failure) {
    await database.drop();
    throw failure;
  }
  const balancer = startAlternating(gateways.map(({ origin }) => origin));
  const stop = async (): Promise<void> => {
    await balancer.stop();
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await database.drop();
  };
  const processes: Processes = {
    origin: balancer.origin,
    databaseUrl: database.url,
    balancer,
    gateways,
    mcpUrl: (server) =>
      server === undefined ? `${balancer.origin}/mcp` : `${balancer.origin}/servers/${server}/mcp`,
    logs: () => gateways.map((gateway) => gateway.logs()).join("\n"),
    metric: async (name) => {
      let sum = 0;
      for (const { origin } of gateways) {
        const headers = { authorization: `Bearer ${OPERATOR_TOKEN}` };
        const text = await (await fetch(`${origin}/metrics`, { headers, keepalive: false })).text();
        for (const line of text.split("\n")) {
          if (line.startsWith(`${name} `) || line.startsWith(`${name}{`))
            sum += Number(line.split(" ").at(-1));
        }
      }
      return sum;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
  try {
    await eventually(
      "all processes know each other",
      async () => ((await processes.metric("mcp_gateway_peers")) === count * (count - 1) ? true : undefined),
      { timeoutMs: 15_000 },
    );
    return processes;
  } catch (failure) {
    const said = processes.logs();
    await stop();
    throw new Error(`${String(failure)}\n${said}`);
  }
}
