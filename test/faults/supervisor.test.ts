import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../e2e/child.ts";
import { startGateway } from "../e2e/gateway.ts";
import { startWorkers } from "../e2e/processes.ts";
import { fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { postgresDatabase } from "../servers/postgres.ts";
import { descendantsOf } from "./descendants.ts";
import { startLoad, tally } from "./load.ts";
import { statusOf, untilConnected } from "./restarted.ts";

const workersOf = (pid: number) =>
  descendantsOf(pid).filter((one) => {
    try {
      return readFileSync(`/proc/${one}/cmdline`, "utf8").includes("--worker");
    } catch {
      return false;
    }
  });
const isAlive = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
};

test("a change of the file, or SIGHUP, reaches every worker; SIGTERM ends them all in order while calls finish", async () => {
  const echo = await startEcho("modern");
  const processes = await startWorkers({ servers: [fixtureEntry("echo", echo, "streamable-http")] });
  const gateway = processes?.gateways[0];
  if (processes === undefined || gateway === undefined) return echo.stop();
  try {
    await untilConnected(gateway, ["echo"]);
    const path = join(gateway.folder, "gateway.yaml");
    await writeFile(path, (await readFile(path, "utf8")).replace("name: echo", "name: renamed"));
    await eventually(
      "both workers took the change",
      async () => {
        for (let index = 0; index < 12; index++) {
          const served = await statusOf({ origin: processes.origin });
          if (served.get("renamed")?.status !== "ready" || served.has("echo")) return undefined;
        }
        return true;
      },
      { timeoutMs: 10_000 },
    );
    // Read again although nothing changed: each worker says so once more.
    const reloads = () => gateway.logs().split("configuration reloaded").length - 1;
    const before = reloads();
    gateway.child.kill("SIGHUP");
    await eventually("both workers read again", () => (reloads() >= before + 2 ? true : undefined));
    const workers = workersOf(gateway.child.pid);
    const load = startLoad(gateway.mcpUrl("renamed"), { connections: 16, ms: 200 });
    await Bun.sleep(300);
    gateway.child.kill("SIGTERM");
    expect(await gateway.child.exited).toBe(0);
    const ends = await load.stop();
    expect(Object.keys(tally(ends)).filter((end) => !["ok", "1011", "connection"].includes(end))).toEqual([]);
    const seen = await echo.seen();
    expect(seen.repeated).toEqual([]);
    // Every call the server saw was answered.
    expect(ends.filter(({ end }) => end === "ok").length).toBe(seen.calls);
    expect(workers.filter(isAlive)).toEqual([]);
  } finally {
    await processes.stop();
    await echo.stop();
  }
}, 60_000);

test("workers end by themselves when their supervisor was killed", async () => {
  const processes = await startWorkers({ servers: [] });
  const gateway = processes?.gateways[0];
  if (processes === undefined || gateway === undefined) return;
  try {
    const workers = workersOf(gateway.child.pid);
    expect(workers).toHaveLength(2);
    gateway.child.kill("SIGKILL");
    await eventually("no worker is left", () => (workers.some(isAlive) ? undefined : true), {
      timeoutMs: 10_000,
    });
  } finally {
    await processes.stop();
  }
}, 60_000);

test("workers on an embedded store are refused, and so is a start that cannot succeed", async () => {
  const refused = startGateway({ servers: [], environment: { MCP_GATEWAY_WORKERS: "2" } });
  expect(String(await refused.catch((failure: unknown) => failure))).toContain(
    "2 workers on an embedded store",
  );
  const database = await postgresDatabase();
  if (database === undefined) return;
  const environment = { DATABASE_URL: database.url, MCP_GATEWAY_WORKERS: "2" };
  const unmigrated = startGateway({ servers: [], environment });
  expect(String(await unmigrated.catch((failure: unknown) => failure))).toContain(
    "the store lacks migrations",
  );
  await database.drop();
}, 60_000);

test("role worker does the duties and serves no client; role api leaves them", async () => {
  const database = await postgresDatabase();
  if (database === undefined) return;
  const environment = {
    DATABASE_URL: database.url,
    MCP_GATEWAY_MIGRATE: "auto",
    MCP_GATEWAY_MASTER_KEY: randomBytes(32).toString("base64"),
  };
  const echo = await startEcho("modern");
  const servers = [fixtureEntry("echo", echo, "streamable-http")];
  const api = await startGateway({ servers, environment: { ...environment, MCP_GATEWAY_ROLE: "api" } });
  const worker = await startGateway({ servers, environment: { ...environment, MCP_GATEWAY_ROLE: "worker" } });
  try {
    await untilConnected(api, ["echo"]);
    expect((await fetch(worker.mcpUrl(), { method: "POST" })).status).toBe(404);
    expect((await fetch(`${worker.origin}/ready`)).status).toBe(200);
    await eventually("the duties are done by the worker", () =>
      worker.logs().includes("background duties are done here") ? true : undefined,
    );
    expect(api.logs()).not.toContain("background duties");
  } finally {
    await Promise.all([api.stop(), worker.stop(), echo.stop()]);
    await database.drop();
  }
}, 60_000);
