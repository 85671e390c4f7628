import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "./chain-dir.ts";

/** How far one sink has a chain: 20 digits, overwritten in place by a single small write. */
export class DrainPosition {
  readonly #fd: number;
  #value: number;

  constructor(chainDir: string, sink: string) {
    this.#value = readDrained(chainDir, sink);
    this.#fd = openSync(join(chainDir, `drained.${sink}`), "a+");
    closeSync(this.#fd);
    this.#fd = openSync(join(chainDir, `drained.${sink}`), "r+");
  }
  get value(): number {
    return this.#value;
  }
  set(position: number): void {
    writeSync(this.#fd, String(position).padStart(20, "0"), 0, "latin1");
    this.#value = position;
  }
  close(): void {
    closeSync(this.#fd);
  }
}

/** 0 where nothing is known: draining again is harmless, sinks write by id. */
export function readDrained(chainDir: string, sink: string): number {
  try {
    const text = readFileSync(join(chainDir, `drained.${sink}`), "latin1");
    return /^\d{20}$/.test(text) ? Number(text) : 0;
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw failure;
  }
}

/** After a reboot the sinks may have lost what they had not yet put on stable storage. */
export function forgetDrained(chainDir: string): void {
  for (const name of namesIn(chainDir)) {
    if (name.startsWith("drained.")) rmSync(join(chainDir, name), { force: true });
  }
}

/**
 * What appender and drain threads tell each other without messages: how much of the chain is committed, how much each
 * sink has. 64-bit atomics, because half a number would be a wrong position.
 */
export class SharedPositions {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: BigInt64Array<SharedArrayBuffer>;

  static readonly sinksMax = 14;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(8 * (SharedPositions.sinksMax + 2))) {
    this.buffer = buffer;
    this.#cells = new BigInt64Array(buffer);
  }
  get committed(): number {
    return Number(Atomics.load(this.#cells, 0));
  }
  set committed(position: number) {
    Atomics.store(this.#cells, 0, BigInt(position));
  }
  /** How many chains of dead processes were made ready to be drained. */
  get recoveries(): number {
    return Number(Atomics.load(this.#cells, 1));
  }
  countRecovery(): void {
    Atomics.add(this.#cells, 1, 1n);
  }
  drained(sinkIndex: number): number {
    return Number(Atomics.load(this.#cells, sinkIndex + 2));
  }
  setDrained(sinkIndex: number, position: number): void {
    Atomics.store(this.#cells, sinkIndex + 2, BigInt(position));
  }
}
