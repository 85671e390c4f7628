import { randomUUID } from "node:crypto";
import type {
  Child,
  ChildCommand,
  ChildHost,
  ChildLimits,
  ChildListener,
  ChildState,
} from "../../../model/ports/child-host.ts";
import type { Log } from "../../../model/ports/log.ts";
import { checkWorkingDir, commandPath } from "./command-path.ts";
import { LocalChild } from "./local-child.ts";
import { CHILD_MARKER, ProcessFamily, ProcessTable } from "./process-family.ts";
import { Watchdog } from "./watchdog.ts";

/** Of the gateway's environment, all that children get. */
const PASSED_ON = ["PATH", "HOME", "LANG", "TMPDIR"] as const;
const ENDED_KEPT = 100;
/** Who ends sooner was of no use; it is started again and again, and said so once. */
const USEFUL_MS = 10_000;

/** Children of this very process: each the leader of a session and group of its own, watched over by a watchdog. */
export class LocalChildHost implements ChildHost {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #log: Log;
  readonly #instance = randomUUID();
  readonly #watchdog: Watchdog;
  readonly #table = new ProcessTable();
  readonly #live = new Set<LocalChild>();
  readonly #ended: ChildState[] = [];
  /** Servers whose last process ended at once. */
  readonly #shortLived = new Set<string>();
  #started = 0;
  #closed = false;

  /** `environment` is the gateway's own, of which children get four variables. */
  constructor(environment: Readonly<Record<string, string | undefined>>, log: Log) {
    this.#environment = environment;
    this.#log = log;
    this.#watchdog = new Watchdog(this.#instance, log);
  }

  /** The process that ends the children of a killed gateway, once there was a child. */
  get watchdogPid(): number | undefined {
    return this.#watchdog.pid;
  }

  start(command: ChildCommand, limits: ChildLimits, listener: ChildListener): Child {
    if (this.#closed) throw new Error("the gateway is shutting down");
    const marker = `${this.#instance}:${++this.#started}`;
    const environment: Record<string, string> = {
      ...this.#passedOn(),
      ...command.environment,
      [CHILD_MARKER]: marker,
    };
    const workingDir = command.workingDir ?? process.cwd();
    checkWorkingDir(workingDir);
    const file = commandPath(command.command, environment.PATH, workingDir);
    this.#watchdog.start();
    const spawned = Bun.spawn([file, ...command.args], {
      cwd: workingDir,
      env: environment,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    this.#watchdog.add(spawned.pid);
    const family = new ProcessFamily(spawned.pid, marker, this.#table);
    const child: LocalChild = new LocalChild(
      { process: spawned, command, limits, family, log: this.#log },
      listener,
      () => this.#gone(child),
    );
    this.#live.add(child);
    const { label } = command;
    const said = { server: label, pid: spawned.pid, command: command.command };
    if (this.#shortLived.has(label)) this.#log.debug(said, "process started");
    else this.#log.info(said, "process started");
    return child;
  }

  children(): readonly ChildState[] {
    return [...[...this.#live].map((child) => child.state), ...this.#ended];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#live].map((child) => child.stop()));
    await this.#watchdog.end();
  }

  #gone(child: LocalChild): void {
    const { state } = child;
    this.#live.delete(child);
    this.#watchdog.remove(state.pid);
    this.#ended.unshift(state);
    this.#ended.length = Math.min(this.#ended.length, ENDED_KEPT);
    const { pid, exitCode, signal, error, label: server } = state;
    const said = { server, pid, exitCode, signal, error };
    if (this.#shortLived.has(server)) this.#log.debug(said, "process ended");
    else this.#log.info(said, "process ended");
    const failed = (exitCode ?? 0) !== 0 || error !== undefined;
    if (failed && Date.now() - state.startedAt < USEFUL_MS) this.#shortLived.add(server);
    else this.#shortLived.delete(server);
  }

  #passedOn(): Record<string, string> {
    const passed: Record<string, string> = {};
    for (const name of PASSED_ON) {
      const value = this.#environment[name];
      if (value !== undefined) passed[name] = value;
    }
    return passed;
  }
}
