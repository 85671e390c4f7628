import { type FSWatcher, readlinkSync, statSync, watch } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { ConfigProblem } from "./problem.ts";
import { applicable } from "./restart.ts";
import type { Reloaded } from "./serve-options.ts";
import type { Settings } from "./settings.ts";

/** An editor or a mounted volume writes in several steps; reading waits until they are probably over. */
const DEBOUNCE_MS = 100;
/** Where no event comes (network file systems, a bind-mounted single file), a look at the file finds the change. */
const POLL_MS = 500;

export interface ConfigChange {
  /** What the process shall run by from now on. */
  readonly settings: Settings;
  /** Keys that changed and take effect at the next start only; `settings` has their present values. */
  readonly restartNeeded: readonly string[];
}

export interface ConfigWatchOptions {
  readonly path: string;
  readonly current: Settings;
  readonly reload: () => Promise<Reloaded>;
  /** May be asynchronous: the next reading waits for it. What it throws goes to `onFailure`. */
  readonly onChange: (change: ConfigChange) => void | Promise<void>;
  /** The file is wrong; the settings before stay. */
  readonly onProblems: (problems: readonly ConfigProblem[]) => void;
  readonly onFailure: (error: unknown) => void;
  readonly debounceMs?: number;
  readonly pollMs?: number;
}

/**
 * Follows the configuration file through writes in place, atomic renames and swaps of symbolic links anywhere on its path
 * (as Kubernetes mounts do). `reloadNow` is for SIGHUP, and reads even where nothing seems to have changed.
 */
export class ConfigWatch {
  readonly #options: ConfigWatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #poll: ReturnType<typeof setInterval>;
  #current: Settings;
  #seen: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reading: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: ConfigWatchOptions) {
    this.#options = options;
    this.#current = options.current;
    this.#seen = stamp(options.path);
    this.#follow();
    this.#poll = setInterval(() => this.#look(), options.pollMs ?? POLL_MS);
    this.#poll.unref();
  }

  /** Reads the configuration once more; resolves when the change was applied or refused. */
  reloadNow(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#poll);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  async #read(): Promise<void> {
    if (this.#closed) return;
    this.#seen = stamp(this.#options.path);
    this.#follow();
    try {
      const reloaded = await this.#options.reload();
      if (this.#closed) return;
      if ("problems" in reloaded) {
        this.#options.onProblems(reloaded.problems);
        return;
      }
      const change = applicable(this.#current, reloaded.settings);
      await this.#options.onChange(change);
      this.#current = change.settings;
    } catch (error) {
      this.#options.onFailure(error);
    }
  }

  /** Compares what the path leads to now with what was read last. */
  #look(): void {
    if (this.#closed || this.#timer !== undefined || stamp(this.#options.path) === this.#seen) return;
    this.#timer = setTimeout(() => void this.reloadNow(), this.#options.debounceMs ?? DEBOUNCE_MS);
  }

  /** Watches the directory of every link on the way to the file: a rename or swap shows there, not at the file. */
  #follow(): void {
    const wanted = directoriesOf(this.#options.path);
    for (const [directory, watcher] of this.#watchers) {
      if (wanted.has(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of wanted) {
      if (this.#watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, { persistent: false }, () => this.#look());
        watcher.on("error", () => {
          watcher.close();
          this.#watchers.delete(directory);
        });
        this.#watchers.set(directory, watcher);
      } catch {
        // Polling still finds changes there.
      }
    }
  }
}

/** Identity of the content a path leads to: another file, another size or another time is another stamp. */
function stamp(path: string): string {
  try {
    const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  } catch {
    return "absent";
  }
}

function directoriesOf(path: string): Set<string> {
  const directories = new Set<string>();
  let current = resolve(path);
  // A chain of links; the bound only ends loops.
  for (let hops = 0; hops < 16; hops++) {
    directories.add(dirname(current));
    const next = linkOnPath(current);
    if (next === undefined) break;
    current = next;
  }
  return directories;
}

/** The path with its last link replaced by the link's target; undefined where no part of it is a link. */
function linkOnPath(path: string): string | undefined {
  let rest = "";
  for (let part = path; part !== dirname(part); part = dirname(part)) {
    try {
      return resolve(dirname(part), readlinkSync(part), rest);
    } catch {
      rest = rest === "" ? basename(part) : `${basename(part)}/${rest}`;
    }
  }
  return undefined;
}
