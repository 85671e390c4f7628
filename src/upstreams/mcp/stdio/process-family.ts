import { readdirSync, readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";

/** Set in every child, inherited by whatever it starts: `<gateway instance>:<number>`. */
export const CHILD_MARKER = "MCP_GATEWAY_CHILD";
const SCAN_STRETCH = 64;

/** The processes that run now; the dead that nobody collected yet are not among them. */
interface Census {
  /** Process ids by marker. */
  readonly marked: ReadonlyMap<string, readonly number[]>;
  readonly groups: ReadonlySet<number>;
}

/**
 * Finds processes by their marker, for those that left the group of the child they come from. Reads the environment each
 * process was started with, so only Linux's /proc serves; elsewhere groups alone are seen and ended.
 */
export class ProcessTable {
  #running: Promise<Census | undefined> | undefined;
  #next: Promise<Census | undefined> | undefined;

  /** Callers that come while a look is under way share the next one, which sees all they could mean. */
  look(): Promise<Census | undefined> {
    if (this.#running === undefined) {
      this.#running = census().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.look();
    });
    return this.#next;
  }
}

/** Undefined where the system has no /proc. */
async function census(): Promise<Census | undefined> {
  let entries: string[];
  try {
    entries = readdirSync("/proc");
  } catch {
    return undefined;
  }
  const marked = new Map<string, number[]>();
  const groups = new Set<number>();
  let read = 0;
  for (const entry of entries) {
    const first = entry.charCodeAt(0);
    if (first < 48 || first > 57) continue;
    if (++read % SCAN_STRETCH === 0) await setImmediate();
    const group = runningGroup(entry);
    if (group === undefined) continue;
    groups.add(group);
    const marker = markerOf(entry);
    if (marker === undefined) continue;
    const pids = marked.get(marker);
    if (pids === undefined) marked.set(marker, [Number(entry)]);
    else pids.push(Number(entry));
  }
  return read === 0 ? undefined : { marked, groups };
}

/** Process group, unless the process is dead (proc(5): state and pgrp follow the parenthesised name). */
function runningGroup(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 3);
    return state === "Z" || state === "X" ? undefined : Number(group);
  } catch {
    return undefined;
  }
}

function markerOf(pid: string): string | undefined {
  let environment: string;
  try {
    environment = readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    // Gone meanwhile, or another user's.
    return undefined;
  }
  const key = `${CHILD_MARKER}=`;
  const at = environment.startsWith(key) ? 0 : environment.indexOf(`\0${key}`) + 1;
  if (at === 0 && !environment.startsWith(key)) return undefined;
  const end = environment.indexOf("\0", at);
  return environment.slice(at + key.length, end < 0 ? undefined : end);
}

/** A child's group and everything that carries its marker. */
export class ProcessFamily {
  readonly #group: number;
  readonly #marker: string;
  readonly #table: ProcessTable;

  constructor(group: number, marker: string, table: ProcessTable) {
    this.#group = group;
    this.#marker = marker;
    this.#table = table;
  }

  /** Whether anything of it still runs. */
  async alive(): Promise<boolean> {
    const census = await this.#table.look();
    if (census === undefined) return signal(-this.#group, 0);
    return census.groups.has(this.#group) || census.marked.has(this.#marker);
  }

  async signal(name: "SIGTERM" | "SIGKILL"): Promise<void> {
    signal(-this.#group, name);
    const census = await this.#table.look();
    for (const pid of census?.marked.get(this.#marker) ?? []) signal(pid, name);
  }
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}
