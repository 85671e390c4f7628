// The databases of one test run: a private PostgreSQL cluster and a private Redis, on free ports of the loopback
// address, in a folder of their own that goes when they stop. Services of the system are never used.
import { spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { programs } from "./debian.mjs";

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 10_000;

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** PostgreSQL refuses to run as root. */
function unprivilegedUser() {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout.trim());
  return { uid: id("-u"), gid: id("-g") };
}

/** Words before a command that make it end with this process, however that ends; none where the system has no such. */
export function boundToThisProcess(signal, user) {
  const setpriv = "/usr/bin/setpriv";
  if (!existsSync(setpriv)) return [];
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"] : [];
  return [setpriv, `--pdeathsig=${signal.replace("SIG", "")}`, ...identity];
}

/** Starts a server that also ends when this process is killed outright, where the system can promise that. */
function startServer(name, command, args, { folder, user, stopSignal, port }) {
  const log = join(folder, `${name}.log`);
  const output = openSync(log, "a");
  const prefix = boundToThisProcess(stopSignal, user);
  const [program, ...rest] = [...prefix, command, ...args];
  const child = spawn(program, rest, {
    cwd: folder,
    stdio: ["ignore", output, output],
    // A group of its own: Ctrl-C reaches the tests first and the databases last.
    detached: true,
    ...(prefix.length === 0 ? user : {}),
  });
  const ended = new Promise((resolve) => {
    child.once("exit", resolve);
    child.once("error", resolve);
  });
  let over = false;
  void ended.then(() => {
    over = true;
  });
  return {
    async ready(isReady) {
      const until = Date.now() + READY_MS_MAX;
      while (!over && Date.now() < until) {
        if (await isReady(port)) return;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new Error(`${name} did not get ready:\n${readFileSync(log, "utf8").slice(-2000)}`);
    },
    async stop() {
      if (over) return;
      child.kill(stopSignal);
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Sends bytes and says whether the answer starts as expected. */
function answers(port, request, expected) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.setTimeout(1000, () => socket.destroy());
    socket.once("data", (data) => {
      resolve(data.toString("latin1").startsWith(expected));
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}

/** A start-up message of user `postgres`; a cluster that is still starting answers it with an error. */
function postgresGreeting() {
  const fields = Buffer.from("user\0postgres\0database\0postgres\0\0");
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + fields.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, fields]);
}

function initialiseCluster(bin, data, user) {
  const args = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
  const { status, stderr } = spawnSync(join(bin, "initdb"), args, {
    encoding: "utf8",
    cwd: dirname(data),
    ...user,
  });
  if (status !== 0) throw new Error(`initdb failed:\n${stderr}`);
}

async function startPostgres(folder) {
  const program = programs.PostgreSQL.find();
  const user = unprivilegedUser();
  const home = join(folder, "postgres");
  mkdirSync(home);
  if (user) chownSync(home, user.uid, user.gid);
  const data = join(home, "data");
  initialiseCluster(dirname(program), data, user);
  const port = await freePort();
  // Nothing here outlives the run, so nothing is synced; 200 connections carry several pools at once.
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: home,
    fsync: "off",
    max_connections: 200,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const options = { folder: home, user, stopSignal: "SIGINT", port };
  const server = startServer("postgres", program, ["-D", data, "-p", String(port), ...args], options);
  await server.ready(() => answers(port, postgresGreeting(), "R"));
  return { stop: server.stop, url: `postgres://postgres@127.0.0.1:${port}/postgres` };
}

async function startRedis(folder) {
  const home = join(folder, "redis");
  mkdirSync(home);
  const port = await freePort();
  const args = [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "no",
    "--dir",
    home,
  ];
  const options = { folder: home, user: undefined, stopSignal: "SIGTERM", port };
  const server = startServer("redis", programs.Redis.find(), args, options);
  await server.ready(() => answers(port, "PING\r\n", "+PONG"));
  return { stop: server.stop, url: `redis://127.0.0.1:${port}/0` };
}

const services = {
  PostgreSQL: { variable: "MCP_GATEWAY_TEST_POSTGRES", start: startPostgres },
  Redis: { variable: "MCP_GATEWAY_TEST_REDIS", start: startRedis },
};

/** Names of the services that the environment does not bring along. */
export function servicesToStart() {
  return Object.keys(services).filter((name) => !process.env[services[name].variable]);
}

/**
 * Starts the named services.
 * @param {string[]} names
 * @returns {Promise<{ environment: Record<string, string>, stop: () => Promise<void> }>} the URLs for the tests, by variable
 */
export async function startServices(names) {
  const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-test-"));
  spawnSync("chmod", ["755", folder]);
  const started = [];
  const stop = async () => {
    await Promise.all(started.map((service) => service.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  const environment = {};
  try {
    for (const name of names) {
      const service = await services[name].start(folder);
      started.push(service);
      environment[services[name].variable] = service.url;
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { environment, stop };
}
