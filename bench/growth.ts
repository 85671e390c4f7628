/** Does a call cost more where there is more of something? Two gateways, few and many, under load in turns. */
import { join } from "node:path";
import { startUpstream, untilAnswered } from "./calls.ts";
import { mintKey, mintKeys, type RunningGateway, setUpGateway, startGateway } from "./gateway.ts";
import { HttpConnection } from "./http-connection.ts";
import { callRequest, type RequestSpec, toolName, wireText } from "./requests.ts";
import { median } from "./statistics.ts";
import { load, writeScript } from "./wrk.ts";

const FEW = 10;
const MANY = 10_000;
const SERVERS = 10;
const RUNS = 9;
const SECONDS = 3;
const WARM_UP_S = 3;
const WARM_UP_CONNECTIONS = 32;

export interface Growth {
  readonly few: number;
  readonly many: number;
  readonly cpu_us_few: number;
  readonly cpu_us_many: number;
  /** Median of the ratios of the alternated runs. */
  readonly ratio: number;
  /** Of the whole process, once each of the many was used. */
  readonly rss_mb_many: number;
}

interface Side {
  readonly gateway: RunningGateway;
  readonly script: string;
}

export type Growing = "tools" | "keys" | "policies" | "tenants";

/** Calls go over all of what grows, one after the other. */
export async function measureGrowth(
  folder: string,
  root: string,
  what: Growing,
  say: (text: string) => void,
): Promise<Growth> {
  const upstream = await startUpstream();
  const started: RunningGateway[] = [];
  const side = async (count: number): Promise<Side> => {
    const tools = what === "tools" ? count : FEW;
    const keys = what === "keys" ? count : FEW;
    const servers = Array.from({ length: SERVERS }, (_, index) => ({
      name: `s${index}`,
      url: `http://127.0.0.1:${upstream.port}/tools/${tools / SERVERS}/s${index}/mcp`,
    }));
    const place = join(folder, `growth-${what}-${count}`);
    const setup = await setUpGateway(root, place, servers, what === "policies" ? count : 0);
    const gateway = await startGateway(setup);
    started.push(gateway);
    if (what === "tenants") await addTenants(gateway, count);
    const minted = await mintKeys(gateway, keys, ["s*:read_*", "s*:write_*"]);
    const specs = requestsOver(tools, minted);
    for (let index = 0; index < SERVERS; index++)
      await untilAnswered(gateway.port, callRequest("/mcp", `s${index}__read_0`, minted[0]));
    await useAll(gateway.port, specs);
    const script = writeScript(folder, gateway.port, specs);
    await load(gateway.port, script, 32, WARM_UP_S);
    return { gateway, script };
  };
  try {
    const few = await side(FEW);
    const many = await side(MANY);
    const runs: { few: number; many: number }[] = [];
    for (let i = 0; i < RUNS; i++) {
      const order = i % 2 === 0 ? [few, many] : [many, few];
      const cost = new Map<Side, number>();
      for (const one of order) cost.set(one, await cpuPerCall(one));
      const pair = { few: cost.get(few) ?? Number.NaN, many: cost.get(many) ?? Number.NaN };
      say(`${what}: ${pair.few.toFixed(1)} µs with ${FEW}, ${pair.many.toFixed(1)} µs with ${MANY}`);
      runs.push(pair);
    }
    return {
      few: FEW,
      many: MANY,
      cpu_us_few: median(runs.map((pair) => pair.few)),
      cpu_us_many: median(runs.map((pair) => pair.many)),
      ratio: median(runs.map((pair) => pair.many / pair.few)),
      rss_mb_many: many.gateway.process.rssMib(),
    };
  } finally {
    await Promise.all(started.map((gateway) => gateway.process.stop()));
    await upstream.process.stop();
  }
}

/** Organisations beside the one that calls. */
async function addTenants(gateway: RunningGateway, count: number): Promise<void> {
  const { port } = gateway;
  const key = await mintKey(gateway, [], ["--platform-admin"]);
  const specs = Array.from({ length: count }, (_, index) => ({
    path: "/api/admin/organizations",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ slug: `tenant-${index}`, name: `Tenant ${index}` }),
  }));
  await useAll(port, specs, 201);
}

/** Uses each once: what is made at first use (a validator, a cached key) is not what a call costs. */
async function useAll(port: number, specs: readonly RequestSpec[], expected = 200): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    const connection = await HttpConnection.open(port);
    for (let spec = specs[next++]; spec !== undefined; spec = specs[next++]) {
      const { status, body } = await connection.send(wireText(spec, port));
      if (status !== expected)
        throw new Error(`a request was answered with ${status}: ${body.slice(0, 300)}`);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: WARM_UP_CONNECTIONS }, one));
}

function requestsOver(tools: number, keys: readonly string[]): readonly RequestSpec[] {
  const count = Math.max(tools, keys.length);
  return Array.from({ length: count }, (_, index) => {
    const tool = index % tools;
    const name = `s${tool % SERVERS}__${toolName(Math.floor(tool / SERVERS))}`;
    return callRequest("/mcp", name, keys[index % keys.length]);
  });
}

async function cpuPerCall({ gateway, script }: Side): Promise<number> {
  const before = gateway.process.cpuUs();
  const { requests } = await load(gateway.port, script, 32, SECONDS);
  return (gateway.process.cpuUs() - before) / requests;
}
