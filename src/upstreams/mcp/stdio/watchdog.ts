import type { Log } from "../../../model/ports/log.ts";
import { CHILD_MARKER } from "./process-family.ts";

/**
 * Reads which process groups live; the end of its input means that the gateway is gone, however it went. Then it ends
 * the groups and everything marked: politely, and two seconds later for good, twice, because a process may fork between
 * being found and being ended. A shell, because nothing smaller that can do this is on every machine.
 */
const SCRIPT = `
trap '' HUP INT TERM
groups=
while read -r op group; do
  case $op in
    add) groups="$groups $group" ;;
    del) rest=; for g in $groups; do [ "$g" = "$group" ] || rest="$rest $g"; done; groups=$rest ;;
    end) exit 0 ;;
  esac
done
strike() {
  for g in $groups; do kill -s "$1" -- "-$g"; done
  grep -lsF "$MARK" /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do kill -s "$1" "$pid"; done
}
MARK="$1"
strike TERM; sleep 2; strike KILL; sleep 1; strike KILL
`;
const RESTART_AFTER_MS = 1_000;

type Shell = Bun.Subprocess<"pipe", "ignore", "ignore">;

/** Ends the children of a gateway that was killed. Started with the first child; about 1 MB. */
export class Watchdog {
  readonly #mark: string;
  readonly #log: Log;
  readonly #groups = new Set<number>();
  #shell: Shell | undefined;
  #ended = false;

  /** `instance` is the part of the children's marker that is this gateway's. */
  constructor(instance: string, log: Log) {
    this.#mark = `${CHILD_MARKER}=${instance}:`;
    this.#log = log;
  }

  get pid(): number | undefined {
    return this.#shell?.pid;
  }

  /** To be called before the first child starts, so that there is no moment without it. */
  start(): void {
    if (this.#shell !== undefined || this.#ended) return;
    let shell: Shell;
    try {
      shell = Bun.spawn(["/bin/sh", "-c", SCRIPT, "mcp-gateway-watchdog", this.#mark], {
        stdin: "pipe",
        stdout: "ignore",
        stderr: "ignore",
        // A session of its own: no terminal signal and no end of the gateway's group reaches it.
        detached: true,
        cwd: "/",
        env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
      });
    } catch (thrown) {
      this.#log.warn({ error: String(thrown) }, "no watchdog: children would outlive a killed gateway");
      return;
    }
    shell.unref();
    this.#shell = shell;
    for (const group of this.#groups) this.#tell(`add ${group}`);
    void shell.exited.then(() => this.#restart(shell));
  }

  add(group: number): void {
    this.#groups.add(group);
    this.#tell(`add ${group}`);
  }
  remove(group: number): void {
    if (this.#groups.delete(group)) this.#tell(`del ${group}`);
  }

  /** The gateway ends in order and has ended its children itself. */
  async end(): Promise<void> {
    this.#ended = true;
    const shell = this.#shell;
    if (shell === undefined) return;
    this.#tell("end");
    await Promise.resolve(shell.stdin.end()).catch(() => {});
    await shell.exited;
  }

  #tell(line: string): void {
    const failed = (thrown: unknown) =>
      this.#log.debug({ error: String(thrown) }, "watchdog does not listen");
    try {
      const written = this.#shell?.stdin.write(`${line}\n`);
      if (written instanceof Promise) written.catch(failed);
      const flushed = this.#shell?.stdin.flush();
      if (flushed instanceof Promise) flushed.catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  }

  #restart(shell: Shell): void {
    if (this.#shell !== shell || this.#ended) return;
    this.#shell = undefined;
    this.#log.warn(
      { exitCode: shell.exitCode, signal: shell.signalCode },
      "watchdog ended; starting another",
    );
    setTimeout(() => this.start(), RESTART_AFTER_MS).unref();
  }
}
