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

/** A position takes two cells of 32 bits: atomics of 64 count in BigInts, which every call would pay for. */
const CELLS = 2;
const LOW = 2 ** 32;
const CHANGING = -1;

/**
 * What appender and drain threads tell each other without messages: how much of the chain is committed, how much each
 * sink has. Positions only grow, and each has one writer.
 */
export class SharedPositions {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array<SharedArrayBuffer>;

  static readonly sinksMax = 14;

  constructor(
    buffer: SharedArrayBuffer = new SharedArrayBuffer(
      CELLS * Int32Array.BYTES_PER_ELEMENT * (SharedPositions.sinksMax + 2),
    ),
  ) {
    this.buffer = buffer;
    this.#cells = new Int32Array(buffer);
  }
  get committed(): number {
    return this.#load(0);
  }
  set committed(position: number) {
    this.#store(0, position);
  }
  /** How many chains of dead processes were made ready to be drained. */
  get recoveries(): number {
    return this.#load(1);
  }
  countRecovery(): void {
    Atomics.add(this.#cells, CELLS, 1);
  }
  drained(sinkIndex: number): number {
    return this.#load(sinkIndex + 2);
  }
  setDrained(sinkIndex: number, position: number): void {
    this.#store(sinkIndex + 2, position);
  }

  /** While the high half changes, once in 4 GiB, it says so: no reader takes halves of two positions for one. */
  #store(index: number, position: number): void {
    const low = index * CELLS;
    const high = Math.floor(position / LOW);
    const isSame = Atomics.load(this.#cells, low + 1) === high;
    if (!isSame) Atomics.store(this.#cells, low + 1, CHANGING);
    Atomics.store(this.#cells, low, position | 0);
    if (!isSame) Atomics.store(this.#cells, low + 1, high);
  }
  #load(index: number): number {
    const low = index * CELLS;
    for (;;) {
      const high = Atomics.load(this.#cells, low + 1);
      const position = high * LOW + (Atomics.load(this.#cells, low) >>> 0);
      if (high !== CHANGING && Atomics.load(this.#cells, low + 1) === high) return position;
    }
  }
}
