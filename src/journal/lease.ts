import {
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { namesIn } from "./chain-dir.ts";

/**
 * Who writes a chain. Within one boot and one process namespace the process table answers whether the holder lives; from
 * elsewhere (another container on the same volume) only the heartbeat can, so a dead holder is believed after `staleMs`.
 */
interface Holder {
  readonly pid: number;
  readonly startedAt: string;
  readonly bootId: string;
  readonly namespace: string;
  readonly host: string;
  /** The holder ended in order. */
  readonly released?: boolean;
  /** It wrote the mark of the chain's end, too: a full disk may keep it from that. */
  readonly closed?: boolean;
}

const staleMs = 30_000;
const leaseName = "lease";

export function thisBootId(): string {
  return textOf("/proc/sys/kernel/random/boot_id") ?? hostname();
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function namespaceOfProcesses(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return hostname();
  }
}

/** Start time in clock ticks since boot: tells a process from a later one with the same id. */
function startOf(pid: number): string | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}

function thisHolder(): Holder {
  return {
    pid: process.pid,
    startedAt: startOf(process.pid) ?? "",
    bootId: thisBootId(),
    namespace: namespaceOfProcesses(),
    host: hostname(),
  };
}

/** Makes the chain's directory with its lease already inside, so that no other process takes it for abandoned. */
export function createLeased(journalDir: string, chainId: string): void {
  const draft = join(journalDir, `.${chainId}`);
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  writeFileSync(join(draft, leaseName), JSON.stringify(thisHolder()));
  renameSync(draft, join(journalDir, chainId));
}

export function heartbeat(chainDir: string): void {
  const now = new Date();
  utimesSync(join(chainDir, leaseName), now, now);
}

/** An orderly end: the chain may be taken over at once. `isClosed`: the mark of its end stands on the disk. */
export function release(chainDir: string, isClosed: boolean): void {
  const path = join(chainDir, leaseName);
  writeFileSync(
    `${path}.draft`,
    JSON.stringify({ ...thisHolder(), released: true, ...(isClosed && { closed: true }) }),
  );
  renameSync(`${path}.draft`, path);
}

export type LeaseState =
  /** Its writer lives, or a living process has taken it over. */
  | { readonly state: "held" }
  /** Nothing to recover: recovered and drained, or never begun. */
  | { readonly state: "finished" }
  | {
      readonly state: "abandoned";
      readonly file: string;
      readonly takenOverBy: string | undefined;
      readonly bootId: string;
      /** Its writer wrote the mark of its end. */
      readonly isClosed: boolean;
    };

export function leaseOf(journalDir: string, chainId: string): LeaseState {
  const dir = join(journalDir, chainId);
  for (const name of namesIn(dir)) {
    if (name === leaseName) {
      const holder = holderIn(join(dir, name));
      if (holder !== undefined && isAlive(holder, join(dir, name))) return { state: "held" };
      return abandoned(name, undefined, holder);
    }
    if (name.startsWith(`${leaseName}.`) && name !== `${leaseName}.draft`) {
      const claimant = name.slice(leaseName.length + 1);
      if (isAliveChain(journalDir, claimant)) return { state: "held" };
      return abandoned(name, claimant, holderIn(join(dir, name)));
    }
  }
  return { state: "finished" };
}

function abandoned(file: string, takenOverBy: string | undefined, holder: Holder | undefined): LeaseState {
  const isClosed = holder?.closed === true;
  return { state: "abandoned", file, takenOverBy, bootId: holder?.bootId ?? "", isClosed };
}

function isAliveChain(journalDir: string, chainId: string): boolean {
  const path = join(journalDir, chainId, leaseName);
  const holder = holderIn(path);
  return holder !== undefined && isAlive(holder, path);
}

function holderIn(path: string): Holder | undefined {
  const text = textOf(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined; // written halfway when the power went: its writer is gone
  }
}

function isAlive(holder: Holder, path: string): boolean {
  if (holder.released) return false;
  if (holder.bootId === thisBootId() && holder.namespace === namespaceOfProcesses()) {
    const started = startOf(holder.pid);
    if (started !== undefined) return started === holder.startedAt;
    return holder.startedAt === "" && signalReaches(holder.pid); // no /proc on this system
  }
  try {
    return Date.now() - statSync(path).mtimeMs < staleMs;
  } catch {
    return false;
  }
}

function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Takes an abandoned chain for the process that writes `ownChainId`; of several that try, the rename lets one win. */
export function takeOver(journalDir: string, chainId: string, file: string, ownChainId: string): boolean {
  const dir = join(journalDir, chainId);
  try {
    renameSync(join(dir, file), join(dir, `${leaseName}.${ownChainId}`));
    return true;
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw failure;
  }
}

export function isTakenOverBy(journalDir: string, chainId: string, ownChainId: string): boolean {
  return namesIn(join(journalDir, chainId)).includes(`${leaseName}.${ownChainId}`);
}

/** The chain is recovered and drained: nothing is left to do for anyone. */
export function finish(journalDir: string, chainId: string, ownChainId: string): void {
  rmSync(join(journalDir, chainId, `${leaseName}.${ownChainId}`), { force: true });
}
