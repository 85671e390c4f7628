import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { freePort, keptBy, leftOut, type PrivateServer, startProgram, temporaryFolder } from "./program.ts";

const ROOT = "/usr/lib/postgresql";

/** The folder of PostgreSQL's programs, newest version first. */
function programFolder(): string | undefined {
  const versions = existsSync(ROOT) ? readdirSync(ROOT).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(ROOT, version, "bin"));
  const onPath = Bun.which("initdb");
  return folders.find((folder) => existsSync(join(folder, "initdb"))) ?? onPath?.replace(/\/initdb$/, "");
}

/** PostgreSQL refuses to run as root. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) =>
    Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout.trim());
  return { uid: id("-u"), gid: id("-g") };
}

/** A cluster nobody else uses, for tests that freeze or stop it. `undefined` where there is no PostgreSQL. */
export async function privatePostgres(): Promise<PrivateServer | undefined> {
  const bin = programFolder();
  if (bin === undefined) return leftOut("PostgreSQL");
  const user = unprivilegedUser();
  const folder = temporaryFolder("postgres");
  chmodSync(folder, 0o700);
  if (user) chownSync(folder, user.uid, user.gid);
  const data = join(folder, "data");
  const args = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
  const made = spawnSync(join(bin, "initdb"), args, { encoding: "utf8", cwd: folder, ...user });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const settings = ["listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`, "fsync=off"];
  const program = await startProgram({
    folder,
    command: join(bin, "postgres"),
    args: ["-D", data, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])],
    ...(user ? { user } : {}),
    stopSignal: "SIGQUIT",
    ready: async () => {
      await run(url, "select 1");
      return true;
    },
  });
  return { url, ...keptBy(program) };
}

let cluster: Promise<string | undefined> | undefined;

/** URL of the run's cluster: the one of `MCP_GATEWAY_TEST_POSTGRES`, or a private one started by the first who asks. */
export function postgresUrl(): Promise<string | undefined> {
  const given = process.env.MCP_GATEWAY_TEST_POSTGRES;
  if (given) return Promise.resolve(given);
  cluster ??= privatePostgres().then((server) => server?.url);
  return cluster;
}

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/**
 * A database of its own for one test file; `undefined` where there is no PostgreSQL.
 * @param cluster the run's where it is not given
 */
export async function postgresDatabase(cluster?: PrivateServer): Promise<TestDatabase | undefined> {
  const url = cluster?.url ?? (await postgresUrl());
  if (url === undefined) return undefined;
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  await run(url, `create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { url: own.href, drop: () => run(url, `drop database if exists ${name} with (force)`) };
}

async function run(url: string, text: string): Promise<void> {
  const sql = new SQL({ url, max: 1 });
  try {
    await sql.unsafe(text);
  } finally {
    await sql.close({ timeout: 0 });
  }
}
