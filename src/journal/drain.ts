import { join } from "node:path";
import { type DrainedRecord, type RecordSink, RecordsRefused } from "../model/ports/record-sink.ts";
import { chainsIn, fileBytes, linesOf, segmentsOf } from "./chain-dir.ts";
import { CallLineReader } from "./drain-line.ts";
import { DrainPosition, type SharedPositions } from "./drain-position.ts";
import { MergedRows, rowOf } from "./drain-record.ts";
import { isTakenOverBy } from "./lease.ts";
import { parseLine } from "./line.ts";
import { Quarantine } from "./quarantine.ts";
import { markerOf } from "./recovery.ts";

export interface DrainOptions {
  readonly journalDir: string;
  readonly chainId: string;
  readonly positions: SharedPositions;
  readonly sink: RecordSink;
  /** Cell of `positions` this drain reports to. */
  readonly sinkIndex: number;
  /** Between two looks at an idle journal; longer lets more outcomes join their intents in one row. */
  readonly intervalMs: number;
  readonly report: (event: DrainEvent) => void;
}

export type DrainEvent =
  | { readonly kind: "outage"; readonly sink: string; readonly reason: string }
  | { readonly kind: "restored"; readonly sink: string; readonly afterMs: number }
  | { readonly kind: "quarantined"; readonly sink: string; readonly record: string; readonly reason: string };

const batchRecordsMax = 1_000;
/** Of lines: contents of calls make a thousand records large. */
const batchBytesMax = 4 << 20;
const backOffFirstMs = 100;
const backOffMaxMs = 2_000;
/** An error that does not say what it is counts as an outage this often, then its batch is taken apart. */
const patience = 5;

/**
 * Moves the records of one process's chain, and of the chains it took over, into one sink: in order, at least once,
 * forgetting nothing during an outage. The position is kept after each batch, so that a restart repeats at most one.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #quarantine: Quarantine;
  readonly #lines = new CallLineReader();
  readonly #open = new Map<string, DrainPosition>();
  #isStopping = false;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #recoveriesSeen = 0;
  records = 0;
  quarantined = 0;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#quarantine = new Quarantine(options.journalDir, options.sink.name);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Drains what is committed now, unless the sink is out, and ends. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake?.();
    await this.#running;
    for (const position of this.#open.values()) position.close();
    this.#open.clear();
    await this.#options.sink.close?.();
  }

  async #run(): Promise<void> {
    for (;;) {
      const isLast = this.#isStopping;
      let moved = 0;
      try {
        moved = await this.#round();
      } catch (failure) {
        // A file that cannot be read now may be readable later: report, and try again at the usual pace.
        this.#options.report({ kind: "outage", sink: this.#options.sink.name, reason: String(failure) });
        await this.#pause(backOffMaxMs);
      }
      if (isLast) return;
      if (moved < batchRecordsMax) await this.#pause(this.#options.intervalMs);
    }
  }

  /**
   * Chains taken over come before the own one: it holds the outcomes that close their calls, and a store takes an
   * outcome after its intent. The end is read before the count, so whatever closing it includes is counted.
   */
  async #round(): Promise<number> {
    const { journalDir, chainId, positions } = this.#options;
    const end = positions.committed;
    const { recoveries } = positions;
    let moved = 0;
    if (recoveries !== this.#recoveriesSeen) {
      for (const other of chainsIn(journalDir)) {
        if (other === chainId || !isTakenOverBy(journalDir, other, chainId)) continue;
        const dir = join(journalDir, other);
        const otherEnd = markerOf(dir)?.end;
        if (otherEnd === undefined) break;
        moved += await this.#drainChain(other, otherEnd);
        if (this.#positionOf(other, dir).value < otherEnd) return moved;
      }
      this.#recoveriesSeen = recoveries;
    }
    return moved + (await this.#drainChain(chainId, end));
  }

  async #drainChain(chainId: string, end: number): Promise<number> {
    const dir = join(this.#options.journalDir, chainId);
    const position = this.#positionOf(chainId, dir);
    if (position.value >= end) return 0;
    let moved = 0;
    const segments = segmentsOf(dir);
    for (const [index, segment] of segments.entries()) {
      const segmentEnd = segments[index + 1]?.base ?? end;
      if (position.value >= segmentEnd) continue;
      const until = Math.min(segmentEnd, end, segment.base + fileBytes(segment.path));
      moved += await this.#drainSegment(chainId, segment, position, until);
      if (position.value < until) break; // stopped during an outage
    }
    return moved;
  }

  async #drainSegment(
    chainId: string,
    segment: { path: string; base: number },
    position: DrainPosition,
    until: number,
  ): Promise<number> {
    let moved = 0;
    let batch = new MergedRows();
    let batchBytes = 0;
    let reached = position.value;
    const from = Math.max(0, position.value - segment.base);
    for (const at of linesOf(segment.path, from, until - segment.base)) {
      if (!at.complete) break;
      reached = segment.base + at.offset + at.bytes.length + 1;
      const row = this.#rowOf(chainId, segment.base + at.offset, at.bytes);
      if (row !== undefined) batch.add(row);
      batchBytes += at.bytes.length;
      if (batch.rows.length < batchRecordsMax && batchBytes < batchBytesMax) continue;
      if (!(await this.#deliver(batch.rows))) return moved;
      moved += batch.rows.length;
      batch = new MergedRows();
      batchBytes = 0;
      this.#advance(chainId, position, reached);
    }
    if (batch.rows.length > 0 && !(await this.#deliver(batch.rows))) return moved;
    if (reached > position.value) this.#advance(chainId, position, reached);
    return moved + batch.rows.length;
  }

  #rowOf(chainId: string, position: number, bytes: Buffer): DrainedRecord | undefined {
    try {
      const call = this.#lines.read(bytes);
      if (call !== undefined) return call;
      const line = parseLine(bytes);
      if (line === undefined) throw new Error("not a record of the journal");
      return rowOf(line);
    } catch (failure) {
      const reason = String(failure);
      this.#quarantine.keepBytes(chainId, position, bytes, reason);
      this.#countQuarantined(`${chainId}@${position}`, reason);
      return undefined;
    }
  }

  #advance(chainId: string, position: DrainPosition, reached: number): void {
    position.set(reached);
    if (chainId === this.#options.chainId) {
      this.#options.positions.setDrained(this.#options.sinkIndex, reached);
    }
  }

  #positionOf(chainId: string, dir: string): DrainPosition {
    let position = this.#open.get(chainId);
    if (position === undefined) {
      position = new DrainPosition(dir, this.#options.sink.name);
      this.#open.set(chainId, position);
    }
    return position;
  }

  /** Until the sink has the batch; false where the drain is told to stop during an outage. */
  async #deliver(batch: readonly DrainedRecord[]): Promise<boolean> {
    const { sink, report } = this.#options;
    const began = Date.now();
    for (let attempt = 1; ; attempt++) {
      try {
        await sink.write(batch);
        this.records += batch.length;
        if (attempt > 1) report({ kind: "restored", sink: sink.name, afterMs: Date.now() - began });
        return true;
      } catch (failure) {
        if (failure instanceof RecordsRefused) {
          await this.#deliverApart(batch, failure);
          return true;
        }
        if (attempt === 1) report({ kind: "outage", sink: sink.name, reason: String(failure) });
        if (attempt % patience === 0 && !saysOutage(failure) && (await this.#takeApart(batch, failure))) {
          return true;
        }
      }
      if (this.#isStopping) return false;
      await this.#pause(Math.min(backOffMaxMs, backOffFirstMs * 2 ** Math.min(attempt - 1, 10)));
    }
  }

  /** The sink refused the batch: halves, until the culprit stands alone. */
  async #deliverApart(batch: readonly DrainedRecord[], refusal: RecordsRefused): Promise<void> {
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) {
      this.#putAside(first, refusal);
      return;
    }
    const middle = batch.length >> 1;
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      if (!(await this.#deliver(half))) throw new Error("stopped during an outage");
    }
  }

  /**
   * Each record by itself, after an error that may be the sink's or the record's. Only a sink that took another record
   * in the same round is believed to refuse this one; otherwise nothing is put aside and the outage goes on.
   */
  async #takeApart(batch: readonly DrainedRecord[], failure: unknown): Promise<boolean> {
    if (batch.length < 2) return false;
    const refused: [DrainedRecord, unknown][] = [];
    for (const record of batch) {
      try {
        await this.#options.sink.write([record]);
        this.records++;
      } catch (reason) {
        refused.push([record, reason]);
        if (saysOutage(reason) || refused.length > 10 + batch.length / 2) return false;
      }
    }
    if (refused.length === batch.length) return false;
    for (const [record, reason] of refused) this.#putAside(record, reason ?? failure);
    return true;
  }

  #putAside(record: DrainedRecord, reason: unknown): void {
    this.#quarantine.keepRecord(record, String(reason));
    this.#countQuarantined(record.id, String(reason));
  }

  #countQuarantined(record: string, reason: string): void {
    this.quarantined++;
    this.#options.report({ kind: "quarantined", sink: this.#options.sink.name, record, reason });
  }

  #pause(ms: number): Promise<void> {
    if (this.#isStopping) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }
}

function saysOutage(failure: unknown): boolean {
  return failure instanceof Error && "code" in failure && failure.code === "store_unavailable";
}
