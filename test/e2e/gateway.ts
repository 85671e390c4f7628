import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { type Child, childEnvironment, eventually, freePort, startChild } from "./child.ts";

const PROGRAM = join(import.meta.dir, "../../bin/mcp-gateway");

/** One entry of `proxy.servers`. */
export interface ServerEntry {
  readonly name: string;
  readonly type: "streamable-http" | "sse" | "stdio";
  readonly connection?: { readonly url: string; readonly timeout?: string };
  readonly command?: string;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly protocol?: "auto" | "modern" | "legacy";
  readonly [setting: string]: unknown;
}

export interface GatewayOptions {
  readonly servers: readonly ServerEntry[];
  /** Whoever comes from the loopback is an administrator; without it every request needs a credential. Default true. */
  readonly anonymous?: boolean;
  /** Settings laid over the ones this file makes, section by section. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Other gateways on the same store reach it under its URL. */
  readonly advertised?: boolean;
  readonly readyTimeoutMs?: number;
  /** What is run; default `bin/mcp-gateway` of this tree. */
  readonly program?: string;
  /** One that is free where it is not given. */
  readonly port?: number;
}

/** A gateway process of a test's own, with its configuration and data in a folder that goes when it stops. */
export interface Gateway {
  /** `http://localhost:PORT`. */
  readonly origin: string;
  readonly port: number;
  readonly folder: string;
  readonly child: Child;
  /** What its process was given. */
  readonly environment: Readonly<Record<string, string>>;
  /** The merged endpoint, or the one of `server`. */
  mcpUrl(server?: string): string;
  /** An API key; `arguments_` go to `mcp-gateway keys create`. */
  mintKey(...arguments_: readonly string[]): Promise<string>;
  /** What the command printed; rejects with its output when it fails. */
  run(...arguments_: readonly string[]): Promise<string>;
  /** The same with further variables. */
  runWith(variables: Readonly<Record<string, string>>, ...arguments_: readonly string[]): Promise<string>;
  logs(): string;
  /** SIGTERM, then the folder is removed. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const folder = await mkdtemp(join(process.env.TMPDIR ?? "/tmp", "mcp-gateway-e2e-"));
  const { program = PROGRAM, port = await freePort() } = options;
  const configPath = join(folder, "gateway.yaml");
  await writeFile(configPath, stringify(configuration(options, port)));
  const environment = {
    MCP_GATEWAY_ENV: "development",
    MCP_GATEWAY_DATA_DIR: join(folder, "data"),
    ...(options.advertised === true && { MCP_GATEWAY_ADVERTISE_URL: `http://127.0.0.1:${port}` }),
    ...options.environment,
  };
  const child = startChild([program, "serve", "--config", configPath], { cwd: folder, environment });
  const origin = `http://localhost:${port}`;

  const run = (...arguments_: readonly string[]) => runWith({}, ...arguments_);
  async function runWith(
    variables: Readonly<Record<string, string>>,
    ...arguments_: readonly string[]
  ): Promise<string> {
    const process_ = Bun.spawn([program, ...arguments_, "--config", configPath], {
      cwd: folder,
      env: childEnvironment({ ...environment, ...variables }),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, error, code] = await Promise.all([
      new Response(process_.stdout).text(),
      new Response(process_.stderr).text(),
      process_.exited,
    ]);
    if (code !== 0) throw new Error(`mcp-gateway ${arguments_.join(" ")} ended with ${code}: ${out}${error}`);
    return out;
  }

  async function stop(): Promise<void> {
    await child.stop(30_000);
    await rm(folder, { recursive: true, force: true });
  }

  try {
    await untilReady(child, origin, options.readyTimeoutMs ?? 15_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    origin,
    port,
    folder,
    child,
    environment,
    mcpUrl: (server) => (server === undefined ? `${origin}/mcp` : `${origin}/servers/${server}/mcp`),
    mintKey: async (...arguments_) => keyOf(await run("keys", "create", ...arguments_, "--json")),
    run,
    runWith,
    logs: () => child.output(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function configuration(options: GatewayOptions, port: number): Record<string, unknown> {
  const sections: Record<string, Record<string, unknown>> = {
    server: { url: `http://localhost:${port}`, host: "127.0.0.1", port },
    outbound: { allow: ["loopback"] },
    proxy: { servers: options.servers },
  };
  if (options.anonymous !== false) sections.auth = { anonymous: { role: "admin", namespace: "default" } };
  for (const [name, section] of Object.entries(options.settings ?? {})) {
    sections[name] = { ...sections[name], ...section };
  }
  return sections;
}

async function untilReady(child: Child, origin: string, timeoutMs: number): Promise<void> {
  try {
    await eventually(
      "the gateway is ready",
      async () => {
        if (!child.isRunning()) throw new Error("the gateway ended");
        const answer = await fetch(`${origin}/ready`, { signal: AbortSignal.timeout(1_000) }).catch(
          () => undefined,
        );
        return answer?.ok === true ? true : undefined;
      },
      { timeoutMs },
    );
  } catch (error) {
    throw new Error(`${String(error)}\n${child.output()}`);
  }
}

/** The key in what `keys create --json` printed. */
function keyOf(text: string): string {
  const printed: unknown = JSON.parse(text);
  if (
    typeof printed === "object" &&
    printed !== null &&
    "key" in printed &&
    typeof printed.key === "string"
  ) {
    return printed.key;
  }
  throw new Error(`keys create printed no key: ${text}`);
}

/** The key the gateway made on its first start. */
export async function bootstrapKey(gateway: Gateway): Promise<string> {
  return (await readFile(join(gateway.folder, "data/bootstrap-key"), "utf8")).trim();
}
