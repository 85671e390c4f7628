/** Processes the benchmark starts: what they use, and that none of them outlives it. */

import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";

const TICKS_PER_S = 100;
const OUTPUT_CHARS_MAX = 64 * 1024;
const SETPRIV = "/usr/bin/setpriv";
const living = new Set<Bun.Subprocess>();

process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/** A process under measurement. Its figures include its descendants' (a master's workers). */
export interface Started {
  readonly name: string;
  readonly pid: number;
  output(): string;
  isRunning(): boolean;
  /** Microseconds of processor time so far, user and system, all threads; resolution 10 ms. */
  cpuUs(): number;
  /** Resident memory in MiB. */
  rssMib(): number;
  /** Its first line of standard output. */
  readonly firstLine: Promise<string>;
  /** SIGTERM, and SIGKILL after 10 s. Resolves when it is gone. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly cwd?: string;
  /** Added to PATH, HOME and TMPDIR. */
  readonly environment?: Readonly<Record<string, string>>;
}

export function start(name: string, command: readonly string[], options: StartOptions = {}): Started {
  const { PATH = "", HOME = "/tmp", TMPDIR = "/tmp" } = process.env;
  // Ends with this process, however that ends, where the system can promise it.
  const bound = existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig=KILL"] : [];
  const child = Bun.spawn([...bound, ...command], {
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { PATH: `${PATH}:/usr/sbin:/sbin`, HOME, TMPDIR, ...options.environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  living.add(child);
  let text = "";
  const line = Promise.withResolvers<string>();
  line.promise.catch(() => undefined);
  const keep = async (stream: ReadableStream<Uint8Array>, lines: boolean): Promise<void> => {
    const decoder = new TextDecoder();
    let head = "";
    for await (const bytes of stream) {
      const piece = decoder.decode(bytes, { stream: true });
      text = (text + piece).slice(-OUTPUT_CHARS_MAX);
      if (!lines) continue;
      head = (head + piece).slice(0, OUTPUT_CHARS_MAX);
      const end = head.indexOf("\n");
      if (end >= 0) line.resolve(head.slice(0, end));
    }
  };
  void keep(child.stdout, true);
  void keep(child.stderr, false);
  void child.exited.then((code) => {
    living.delete(child);
    line.reject(new Error(`${name} ended with ${code}: ${text}`));
  });
  return {
    name,
    pid: child.pid,
    output: () => text,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    cpuUs: () => sum(family(child.pid), cpuTicks) * (1_000_000 / TICKS_PER_S),
    rssMib: () => sum(family(child.pid), rssKib) / 1024,
    firstLine: line.promise,
    stop: async () => {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await child.exited;
      clearTimeout(timer);
    },
  };
}

/** Standard output of a command that ends by itself. @throws Error with its output where it fails or takes too long */
export async function run(
  command: readonly string[],
  options: StartOptions & { readonly timeoutMs?: number } = {},
): Promise<string> {
  const { PATH = "", HOME = "/tmp", TMPDIR = "/tmp" } = process.env;
  const child = Bun.spawn([...command], {
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { PATH: `${PATH}:/usr/sbin:/sbin`, HOME, TMPDIR, ...options.environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  living.add(child);
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 60_000);
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  clearTimeout(timer);
  living.delete(child);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${out}${error}`);
  return out;
}

/** Ends everything that is still running. */
export async function stopAll(): Promise<void> {
  for (const child of living) child.kill("SIGTERM");
  const timer = setTimeout(() => {
    for (const child of living) child.kill("SIGKILL");
  }, 5_000);
  await Promise.all([...living].map((child) => child.exited));
  clearTimeout(timer);
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function family(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    const path = `/proc/${pid}/task/${task}/children`;
    return existsSync(path) ? readFileSync(path, "utf8").split(" ").filter(Boolean).map(Number) : [];
  });
  return [pid, ...children.flatMap(family)];
}

function sum(pids: readonly number[], read: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + read(pid), 0);
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold spaces; fields 14 and 15 are user and system time.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function rssKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}
