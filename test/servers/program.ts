import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A server of a test run, on the loopback address, in a folder that goes with it. */
export interface ServerProgram {
  readonly folder: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly stopSignal: "SIGQUIT" | "SIGTERM";
  /** Whether it answers. */
  ready(): Promise<boolean>;
}

const READY_MS_MAX = 30_000;
const SETPRIV = "/usr/bin/setpriv";

/** Runs a server and, when told to end, ends it and removes its folder. */
const KEEPER =
  'folder=$1 signal=$2; shift 2; "$@" & child=$!; trap "kill -$signal $child" TERM; wait $child; wait $child; rm -rf "$folder"';

/** Starts a server that ends with this process, however this process ends (where the system has `setpriv`). */
export async function startProgram(program: ServerProgram): Promise<ChildProcess> {
  const { folder, command, args, user, stopSignal } = program;
  const signal = stopSignal.slice(3);
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"] : [];
  const server = existsSync(SETPRIV)
    ? [SETPRIV, `--pdeathsig=${signal}`, ...identity, command, ...args]
    : [command, ...args];
  const keeper = ["sh", "-c", KEEPER, "sh", folder, signal, ...server];
  const [first = "sh", ...rest] = existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig=TERM", ...keeper] : keeper;
  const child = spawn(first, rest, { cwd: "/", stdio: "ignore", detached: true });
  process.on("exit", () => child.kill("SIGTERM"));
  child.unref();
  const until = Date.now() + READY_MS_MAX;
  while (child.exitCode === null && Date.now() < until) {
    if (await program.ready().catch(() => false)) return child;
    await Bun.sleep(25);
  }
  child.kill("SIGTERM");
  throw new Error(`${command} did not get ready within ${READY_MS_MAX / 1_000} s`);
}

/** A server of one test, by its URL and the process that keeps it: its own processes are that one's descendants. */
export interface PrivateServer {
  readonly url: string;
  readonly keeperPid: number;
  stop(): Promise<void>;
}

export function keptBy(keeper: ChildProcess): Omit<PrivateServer, "url"> {
  return {
    keeperPid: keeper.pid ?? 0,
    stop: async () => {
      keeper.kill("SIGTERM");
      while (keeper.exitCode === null && keeper.signalCode === null) await Bun.sleep(10);
    },
  };
}

export function temporaryFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `mcp-gateway-${name}-`));
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address ? resolve(address.port) : reject()));
    });
  });
}

/** Says what is not tested for want of a program; in CI that is a failure. */
export function leftOut(what: string): undefined {
  const text = `${what} is not installed: the tests that need it are LEFT OUT`;
  if (process.env.CI === "true") throw new Error(text);
  console.error(`\n!!! ${text}\n`);
  return undefined;
}
