import { once } from "node:events";

/** A child process of a test: what it said, and a way to end it that leaves nothing. */
export interface Child {
  readonly pid: number;
  /** Standard error, and standard output after its first line; the last 256 KiB. */
  output(): string;
  /** The first line of standard output; rejects with the output when the child ends or `timeoutMs` passes first. */
  firstLine(timeoutMs?: number): Promise<string>;
  /** The exit code; null after a signal. */
  readonly exited: Promise<number | null>;
  isRunning(): boolean;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when the child is gone. */
  stop(graceMs?: number): Promise<void>;
}

const OUTPUT_CHARS_MAX = 256 * 1024;
const living = new Set<Bun.Subprocess>();

// A test process that dies in the middle takes its children with it.
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/**
 * PATH, HOME and TMPDIR alone, with the running Bun first on the path, and the mark by which the run finds what it left
 * behind; tests add what they mean to give.
 */
export function childEnvironment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const bunFolder = process.execPath.slice(0, process.execPath.lastIndexOf("/"));
  const { HOME = "/tmp", TMPDIR = "/tmp", PATH = "", GATEWAY_TEST_RUN = "" } = process.env;
  return { HOME, TMPDIR, PATH: `${bunFolder}:${PATH}`, GATEWAY_TEST_RUN, ...more };
}

export function startChild(
  command: readonly string[],
  options: { cwd?: string; environment?: Readonly<Record<string, string>> } = {},
): Child {
  const child = Bun.spawn([...command], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: childEnvironment(options.environment),
    // Kept open: our fixtures end when it closes.
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  living.add(child);
  let text = "";
  const keep = (piece: string): void => {
    text = (text + piece).slice(-OUTPUT_CHARS_MAX);
  };
  const line = Promise.withResolvers<string>();
  line.promise.catch(() => undefined);
  void readOutput(child.stdout, line, keep);
  void readOutput(child.stderr, undefined, keep);
  void child.exited.then((code) => {
    living.delete(child);
    line.reject(new Error(`${command.join(" ")} ended with ${code}: ${text}`));
  });
  return {
    pid: child.pid,
    output: () => text,
    exited: child.exited.then(() => child.exitCode),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    kill: (signal) => child.kill(signal),
    firstLine: (timeoutMs = 10_000) =>
      withTimeout(
        line.promise,
        timeoutMs,
        () => `${command.join(" ")} said nothing in ${timeoutMs} ms: ${text}`,
      ),
    stop: async (graceMs = 5_000) => {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await child.exited;
      clearTimeout(timer);
    },
  };
}

async function readOutput(
  stream: ReadableStream<Uint8Array>,
  line: PromiseWithResolvers<string> | undefined,
  keep: (piece: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let head: string | undefined = line === undefined ? undefined : "";
  for await (const bytes of stream) {
    const piece = decoder.decode(bytes, { stream: true });
    if (head === undefined) {
      keep(piece);
      continue;
    }
    head += piece;
    const end = head.indexOf("\n");
    if (end < 0) continue;
    line?.resolve(head.slice(0, end));
    keep(head.slice(end + 1));
    head = undefined;
  }
}

/** `promise`, or an Error with `message()` after `timeoutMs`. */
export async function withTimeout<T>(
  promise: Promise<T>,
  timeoutMs: number,
  message: () => string,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(message())), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` every `everyMs` until it gives something; an Error naming `what` after `timeoutMs`. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 5_000, everyMs = 25 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await Bun.sleep(everyMs);
  }
}

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
