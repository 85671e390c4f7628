import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { headersFor } from "../faults/load.ts";
import { childEnvironment, eventually, freePort } from "./child.ts";

const PROGRAM = join(import.meta.dir, "../../bin/mcp-gateway");
const MASTER_KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 13 + 1)).toString("base64");
const production = { MCP_GATEWAY_ENV: "production", MCP_GATEWAY_MASTER_KEY: MASTER_KEY };
const development = { MCP_GATEWAY_ENV: "development", MCP_GATEWAY_DEMO: "false" };

let folder: string;
let port: number;
let running: Bun.Subprocess | undefined;
let said = "";
beforeEach(async () => {
  folder = mkdtempSync(join(process.env.TMPDIR ?? "/tmp", "mcp-gateway-first-"));
  port = await freePort();
  said = "";
});
afterEach(async () => {
  running?.kill("SIGTERM");
  await running?.exited;
  running = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const keyPath = () => join(folder, "data/bootstrap-key");
const keysSaid = () => said.match(/mgw_\w+/g) ?? [];

function start(environment: Record<string, string>, on: "terminal" | "pipe"): Bun.Subprocess {
  const command = [PROGRAM, "serve", "--port", String(port)];
  const env = childEnvironment({ MCP_GATEWAY_DATA_DIR: join(folder, "data"), ...environment });
  const decoder = new TextDecoder();
  if (on === "terminal") {
    const data = (_: unknown, bytes: Uint8Array) => {
      said += decoder.decode(bytes, { stream: true });
    };
    running = Bun.spawn(command, { cwd: folder, env, terminal: { cols: 400, rows: 50, data } });
    return running;
  }
  const child = Bun.spawn(command, { cwd: folder, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const keep = async (stream: ReadableStream<Uint8Array>) => {
    for await (const bytes of stream) said += decoder.decode(bytes);
  };
  void Promise.all([keep(child.stdout), keep(child.stderr)]);
  running = child;
  return child;
}

async function untilReady(): Promise<void> {
  await eventually("it is ready", async () =>
    (await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined))?.ok === true ? true : undefined,
  );
}

async function works(key: string): Promise<boolean> {
  const headers = headersFor("server/discover", undefined, key);
  const answer = await fetch(`http://127.0.0.1:${port}/mcp/status`, { headers });
  return answer.ok;
}

describe("the first administrator's key", () => {
  for (const [mode, environment] of Object.entries({ development, production })) {
    test(`${mode}, on a terminal: shown once, and kept nowhere`, async () => {
      start(environment, "terminal");
      await untilReady();
      const [key = ""] = await eventually("it is shown", async () =>
        keysSaid().length > 0 ? keysSaid() : undefined,
      );
      expect(said).toContain("shown this once");
      expect(await works(key)).toBe(true);
      await eventually("its file is gone", async () => (existsSync(keyPath()) ? undefined : true));
    });

    test(`${mode}, without a terminal: in a file of its owner's, whose path is said`, async () => {
      start(environment, "pipe");
      await untilReady();
      await eventually("the path is said", async () => (said.includes(keyPath()) ? true : undefined));
      expect(keysSaid()).toEqual([]);
      expect(statSync(keyPath()).mode & 0o777).toBe(0o600);
      expect(await works(readFileSync(keyPath(), "utf8").trim())).toBe(true);
    });
  }

  test("a first start on a port that is taken says what to do, and leaves no trace", async () => {
    const other = createServer().listen(port, "127.0.0.1");
    const failed = start(development, "terminal");
    expect(await failed.exited).toBe(1);
    expect(said).toContain(
      `port ${port} of 127.0.0.1 is taken by another program: stop it, or choose another`,
    );
    expect(keysSaid()).toEqual([]);
    await new Promise((closed) => other.close(closed));
    expect(existsSync(join(folder, "data"))).toBe(false);
    said = "";
    start(development, "terminal");
    await untilReady();
    const [key = ""] = await eventually("it is shown", async () =>
      keysSaid().length > 0 ? keysSaid() : undefined,
    );
    expect(await works(key)).toBe(true);
  });
});
