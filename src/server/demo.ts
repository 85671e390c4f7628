import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ServerEntry, Settings } from "../config/settings.ts";
import { sampleFolder } from "./data-dir.ts";

const EVERYTHING = "@modelcontextprotocol/server-everything";
const FILESYSTEM = "@modelcontextprotocol/server-filesystem";

/**
 * Two published servers to try the gateway with, run from `node_modules` over stdio. They are optional dependencies: where
 * they are not installed, there is no demonstration and nothing fails.
 */
export function demoServers(settings: Settings): readonly ServerEntry[] {
  const everything = entryPoint(EVERYTHING);
  const filesystem = entryPoint(FILESYSTEM);
  const entries: ServerEntry[] = [];
  if (everything !== undefined) {
    entries.push(demoServer("everything", "A server with one of everything MCP has.", [everything, "stdio"]));
  }
  if (filesystem !== undefined) {
    const folder = sampleFolder(settings.dataDir);
    entries.push(demoServer("files", `Reads and writes files under ${folder}.`, [filesystem, folder]));
  }
  const taken = new Set(settings.servers.map((server) => server.name));
  return entries.filter((entry) => !taken.has(entry.name));
}

function demoServer(name: string, description: string, args: readonly string[]): ServerEntry {
  const all = { include: [], exclude: [] };
  return {
    name,
    namespace: "default",
    description,
    tags: ["demo"],
    version: undefined,
    metadata: {},
    connection: { type: "stdio", command: process.execPath, args, environment: {}, workingDir: undefined },
    timeoutMs: 300_000,
    maxRetries: 3,
    maxConcurrency: 100,
    heartbeatMs: 30_000,
    refreshIntervalMs: 300_000,
    sharing: "per_principal",
    protocol: "auto",
    validate: "enforce",
    expose: { tools: all, resources: all, prompts: all },
    retry: { safeTools: [], trustAnnotations: false },
  };
}

/** The program of an installed package, found from here upwards as Node would. */
function entryPoint(packageName: string): string | undefined {
  for (let dir = import.meta.dirname; ; dir = dirname(dir)) {
    const packageDir = join(dir, "node_modules", packageName);
    if (existsSync(join(packageDir, "package.json"))) {
      const { bin } = JSON.parse(readFileSync(join(packageDir, "package.json"), "utf8")) as {
        bin?: string | Record<string, string>;
      };
      const program = typeof bin === "string" ? bin : Object.values(bin ?? {})[0];
      return program === undefined ? undefined : join(packageDir, program);
    }
    if (dir === dirname(dir)) return undefined;
  }
}
