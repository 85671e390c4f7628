import type {
  Child,
  ChildCommand,
  ChildLimits,
  ChildListener,
  ChildState,
} from "../../../model/ports/child-host.ts";
import type { Log } from "../../../model/ports/log.ts";
import { LineReader } from "./line-reader.ts";
import type { ProcessFamily } from "./process-family.ts";
import { StderrTail } from "./stderr-tail.ts";

const STDIN_CLOSED_GRACE_MS = 2_000;
const SIGTERM_GRACE_MS = 2_000;
/** What a dead process wrote last may still be in the pipe. */
const LAST_OUTPUT_MS = 250;
const POLL_MS = 50;
const KILL_ROUNDS = 20;

type Process = Bun.Subprocess<"pipe", "pipe", "pipe">;

/** One running child and the processes it started. */
export class LocalChild implements Child {
  readonly #process: Process;
  readonly #command: ChildCommand;
  readonly #limits: ChildLimits;
  readonly #listener: ChildListener;
  readonly #family: ProcessFamily;
  readonly #stderr: StderrTail;
  readonly #startedAt = Date.now();
  readonly #gone: Promise<void>;
  #endedAt: number | undefined;
  #error: string | undefined;
  #unsent = 0;
  #draining: Promise<void> | undefined;
  #ended = false;
  #ending: Promise<void> | undefined;

  /** `onGone` runs when nothing of it is left. */
  constructor(
    about: { process: Process; command: ChildCommand; limits: ChildLimits; family: ProcessFamily; log: Log },
    listener: ChildListener,
    onGone: () => void,
  ) {
    this.#process = about.process;
    this.#command = about.command;
    this.#limits = about.limits;
    this.#family = about.family;
    this.#listener = listener;
    const { pid } = about.process;
    this.#stderr = new StderrTail((line) =>
      about.log.debug({ server: about.command.label, pid, line }, "stderr"),
    );
    const stderrRead = this.#stderr.read(about.process.stderr).catch(() => {});
    const stdoutRead = this.#readStdout();
    this.#gone = this.#watch(stdoutRead, stderrRead).then(onGone);
  }

  get state(): ChildState {
    const { pid, exitCode, signalCode } = this.#process;
    const { label, command } = this.#command;
    return {
      pid,
      label,
      command,
      status: this.#endedAt !== undefined ? "exited" : this.#ending !== undefined ? "stopping" : "running",
      startedAt: this.#startedAt,
      endedAt: this.#endedAt,
      exitCode: signalCode === null ? (exitCode ?? undefined) : undefined,
      signal: signalCode === null ? undefined : String(signalCode),
      error: this.#error,
    };
  }

  get stderrTail(): readonly string[] {
    return this.#stderr.lines;
  }

  write(line: string): void | Promise<void> {
    if (this.#ended || this.#ending !== undefined || this.#endedAt !== undefined) {
      throw new Error("the process has ended");
    }
    if (this.#unsent > 0 && this.#unsent + line.length > this.#limits.unsentBytesMax) {
      throw new Error(`the process does not read its input; ${this.#unsent} bytes wait`);
    }
    const { stdin } = this.#process;
    const written = stdin.write(`${line}\n`);
    const flushed = stdin.flush();
    if (!(written instanceof Promise) && !(flushed instanceof Promise)) return;
    // The sink keeps what the pipe does not take and settles when all of it left.
    this.#unsent += line.length + 1;
    this.#draining ??= Promise.all([written, flushed]).then(
      () => this.#drained(),
      (thrown) => {
        this.#drained();
        throw new Error("the process closed its input", { cause: thrown });
      },
    );
    for (const promise of [written, flushed]) if (promise instanceof Promise) promise.catch(() => {});
    return this.#draining;
  }

  stop(): Promise<void> {
    this.#ended = true;
    this.#end();
    return this.#gone;
  }

  #drained(): void {
    this.#draining = undefined;
    this.#unsent = 0;
  }

  async #readStdout(): Promise<void> {
    const reader = new LineReader(this.#limits.lineBytesMax, (line) => {
      if (!this.#ended) this.#listener.onLine(line);
    });
    try {
      for await (const chunk of this.#process.stdout) {
        if (reader.push(chunk)) continue;
        this.#giveUp(`a line of output exceeds ${this.#limits.lineBytesMax} bytes`);
        break;
      }
    } catch (thrown) {
      this.#giveUp(`its output cannot be read: ${String(thrown)}`);
    }
  }

  /** Follows the process to its end and ends what it left behind. */
  async #watch(stdoutRead: Promise<void>, stderrRead: Promise<void>): Promise<void> {
    const exited = this.#process.exited;
    const stdoutFirst = await Promise.race([exited.then(() => false), stdoutRead.then(() => true)]);
    if (stdoutFirst) {
      // The two ends of one exit arrive in any order.
      const exitFollows = await Promise.race([
        exited.then(() => true),
        Bun.sleep(LAST_OUTPUT_MS).then(() => false),
      ]);
      if (!exitFollows) this.#giveUp("the process closed its output");
    }
    await exited;
    this.#endedAt = Date.now();
    await Promise.race([Promise.all([stdoutRead, stderrRead]), Bun.sleep(LAST_OUTPUT_MS)]);
    this.#report(this.#exitReason(), this.#process.exitCode === 0 && this.#process.signalCode === null);
    this.#end();
    await this.#ending;
  }

  #giveUp(reason: string): void {
    if (this.#ended) return;
    this.#error = reason;
    this.#report(reason, false);
    this.#end();
  }

  #report(reason: string, orderly: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listener.onEnd({ reason, orderly });
  }

  #exitReason(): string {
    const { exitCode, signalCode } = this.#process;
    return signalCode === null
      ? `the process exited with code ${exitCode}`
      : `the process was ended by ${signalCode}`;
  }

  #end(): void {
    this.#ending ??= this.#endFamily();
  }

  /** 2026-07-28, basic/transports/stdio, "Shutdown": close stdin, wait, SIGTERM, wait, SIGKILL; for all it started. */
  async #endFamily(): Promise<void> {
    try {
      const ended = this.#process.stdin.end();
      if (ended instanceof Promise) ended.catch(() => {});
    } catch {
      // Already closed by the child.
    }
    await Promise.race([this.#process.exited, Bun.sleep(STDIN_CLOSED_GRACE_MS)]);
    if (!(await this.#family.alive())) return;
    await this.#family.signal("SIGTERM");
    for (let waited = 0; waited < SIGTERM_GRACE_MS; waited += POLL_MS) {
      await Bun.sleep(POLL_MS);
      if (!(await this.#family.alive())) return;
    }
    // Repeated, because a process may fork between being found and being ended.
    for (let round = 0; round < KILL_ROUNDS; round++) {
      await this.#family.signal("SIGKILL");
      await Bun.sleep(POLL_MS);
      if (!(await this.#family.alive())) return;
    }
  }
}
