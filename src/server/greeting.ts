import { existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { DEFAULT_CONFIG_NAME } from "../config/load.ts";
import { DEFAULT_DATA_DIR } from "../config/schema.ts";
import type { Settings } from "../config/settings.ts";
import type { Log } from "../model/ports/log.ts";

export interface GreetingFacts {
  readonly settings: Settings;
  readonly url: string;
  readonly version: string;
  readonly startupMs: number;
  /** The first administrator's key, where it was made at this start. */
  readonly newKey: string | undefined;
  readonly servers: readonly string[];
  readonly isTerminal: boolean;
}

/**
 * Says what there is to say when the gateway is ready: in development what to paste next, and everywhere the first
 * administrator's key, once. On a terminal it is shown, and only then gone from its file: a start that failed half-way, on a
 * port that was taken for instance, has lost nobody's key.
 */
export function greet(facts: GreetingFacts, log: Log): void {
  const { settings, newKey, isTerminal } = facts;
  const shown = newKey !== undefined && isTerminal;
  if (settings.mode === "development") process.stdout.write(greeting(facts));
  else if (shown) process.stdout.write(`${keyLines(newKey).join("\n")}\n`);
  if (shown) rmSync(bootstrapKeyPath(settings), { force: true });
  else if (newKey !== undefined)
    log.info({ path: bootstrapKeyPath(settings) }, "the first administrator's API key was written to a file");
}

function keyLines(newKey: string): string[] {
  return ["Administrator's API key (shown this once, keep it):", `  ${newKey}`, ""];
}

/** What a person who has just started the gateway wants to paste next. */
function greeting(facts: GreetingFacts): string {
  const { settings, url, newKey, servers, isTerminal } = facts;
  const keyPath = bootstrapKeyPath(settings);
  const key =
    newKey !== undefined && isTerminal
      ? newKey
      : existsSync(keyPath)
        ? `$(cat ${shellWord(keyPath)})`
        : "$MCP_GATEWAY_KEY";
  const mcp = `${url}/mcp`;
  const place = placeFlags(settings);
  const lines = [
    `MCP Gateway ${facts.version} is ready at ${url} (${Math.round(facts.startupMs)} ms)`,
    `  data      ${settings.dataDir}`,
    `  servers   ${servers.length === 0 ? "none yet: add some under proxy.servers in a file and pass --config" : servers.join(", ")}`,
    "",
  ];
  if (newKey !== undefined && isTerminal) {
    lines.push(...keyLines(newKey));
  } else if (newKey !== undefined) {
    lines.push(`Administrator's API key was written to ${keyPath}`, "");
  } else if (key === "$MCP_GATEWAY_KEY") {
    lines.push(
      "No key at hand? Make one:",
      `  bin/mcp-gateway keys create --name me --role user --permission '*'${place}`,
      "  export MCP_GATEWAY_KEY=…",
      "",
    );
  }
  if (newKey !== undefined) {
    lines.push("An administrator who signs in with a password:", `  bin/mcp-gateway setup-admin${place}`, "");
  }
  if (servers.includes("everything")) lines.push("Call a tool:", indent(callExample(mcp, key)), "");
  lines.push(
    "Claude Code:",
    `  claude mcp add --transport http gateway ${mcp} --header "Authorization: Bearer ${key}"`,
    "",
    "Any client's mcp.json:",
    `  {"mcpServers":{"gateway":{"type":"http","url":"${mcp}","headers":{"Authorization":"Bearer ${key.startsWith("$") ? "<key>" : key}"}}}}`,
    "",
    "Inspector:",
    `  npx -y @modelcontextprotocol/inspector@2 --cli --server-url ${mcp} --transport http --header "Authorization: Bearer ${key}" --method tools/list`,
    "",
  );
  return lines.join("\n");
}

export function bootstrapKeyPath(settings: Settings): string {
  return join(settings.dataDir, "bootstrap-key");
}

/**
 * What a command needs to reach this gateway, whose socket is in the data directory: nothing, where that is the one it looks
 * in by itself. The configuration file is none of it: what it takes from the environment is not set in every shell.
 */
function placeFlags({ configPath, dataDir }: Settings): string {
  const isStandard = configPath === undefined || configPath === resolve(DEFAULT_CONFIG_NAME);
  return isStandard && dataDir === resolve(DEFAULT_DATA_DIR) ? "" : ` --data-dir ${shellWord(dataDir)}`;
}

/** As a POSIX shell reads it back. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function callExample(mcp: string, key: string): string {
  const body = {
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: {
      name: "everything__echo",
      arguments: { message: "hello" },
      _meta: {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
      },
    },
  };
  return [
    `curl -s ${mcp} -H "Authorization: Bearer ${key}" -H 'Content-Type: application/json' \\`,
    "  -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \\",
    "  -H 'Mcp-Method: tools/call' -H 'Mcp-Name: everything__echo' \\",
    `  -d '${JSON.stringify(body)}'`,
  ].join("\n");
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
