import { GatewayError } from "../errors/gateway-error.ts";
import type { Clock } from "../model/ports/clock.ts";
import type { Durability, RecordKind } from "../model/ports/journal.ts";
import { checkpointBody, ownBody } from "./body.ts";
import { firstPrevious } from "./line.ts";
import { LineBatch } from "./line-batch.ts";
import { nextSalt } from "./salt.ts";
import type { SegmentWriter } from "./segment-writer.ts";
import { checkpointText, type SigningKey } from "./signing-key.ts";

export interface ChainWriterOptions {
  readonly chainId: string;
  readonly durability: Durability;
  readonly files: SegmentWriter;
  readonly signingKey: SigningKey;
  readonly clock: Clock;
  readonly checkpointIntervalMs: number;
  readonly checkpointRecords: number;
  /** Whether the journal holds as much undrained as it may; asked once a MiB, or at each append while it says yes. */
  readonly isFull: () => boolean;
  /** All up to this position is as durable as promised and may be drained. */
  readonly onCommitted: (position: number) => void;
  readonly onFailure: (failure: unknown, records: number) => void;
}

export interface ChainCounts {
  /** Records handed to the operating system. */
  records: number;
  batches: number;
  /** Records that `batch` could not keep. */
  drops: number;
  /** Records that `strict` and `standard` refused: their callers were told. */
  refusals: number;
  writeErrors: number;
  syncErrors: number;
  checkpoints: number;
}

interface Head {
  readonly sequence: number;
  readonly link: string;
  readonly position: number;
  readonly checkpointSequence: number;
}

type Turn = PromiseWithResolvers<void>;

/** `batch` holds no more than this, and no longer than `memoryMs`. */
const memoryRecordsMax = 1_000;
const memoryBytesMax = 1 << 23;
const memoryMs = 500;
const batchBytesMax = 1 << 19;
const fullCheckBytes = 1 << 20;

/**
 * One hash chain, appended to by many callers and written once per event-loop turn, or at once for a call that is alone.
 * Callers of one turn share one promise. When a batch cannot be kept, the chain steps back to its last kept record and
 * every caller of the batch is told: what was refused was never in the chain.
 */
export class ChainWriter {
  readonly counts: ChainCounts = {
    records: 0,
    batches: 0,
    drops: 0,
    refusals: 0,
    writeErrors: 0,
    syncErrors: 0,
    checkpoints: 0,
  };
  readonly #options: ChainWriterOptions;
  readonly #durability: Durability;
  readonly #batch: LineBatch;
  #sequence = 0;
  #checkpointSequence = 0;
  #checkpointTime: number;
  #written: Head = { sequence: 0, link: firstPrevious, position: 0, checkpointSequence: 0 };
  #stable: Head = this.#written;
  #pendingRecords = 0;
  #turn: Turn | undefined;
  #flushIsScheduled = false;
  #memoryTimer: ReturnType<typeof setTimeout> | undefined;
  #waiting: Turn[] = [];
  #syncIsRunning = false;
  #fullCheckAt = 0;
  #unreportedDrops = 0;
  #isClosed = false;
  /** Calls of this process with an intent and no outcome yet; anew from none where some were refused or lost. */
  #callsUnderWay = 0;
  readonly #flushTurn = (): void => {
    this.#flushIsScheduled = false;
    this.flush();
  };

  constructor(options: ChainWriterOptions) {
    this.#options = options;
    this.#durability = options.durability;
    this.#batch = new LineBatch(options.chainId);
    this.#checkpointTime = options.clock.now();
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** See `Journal`. `tenant` is the organisation, or empty. */
  append(kind: RecordKind, tenant: string, body: string): Promise<void> | undefined {
    return this.#append(kind, tenant, body, false);
  }

  /** The two records of a call of this process: written at once beside no other call, as no turn has more to wait for. */
  appendOfCall(
    kind: "call_intent" | "call_outcome",
    tenant: string,
    body: string,
  ): Promise<void> | undefined {
    if (kind === "call_outcome" && this.#callsUnderWay > 0) this.#callsUnderWay--;
    const isAlone = this.#callsUnderWay === 0;
    if (kind === "call_intent") this.#callsUnderWay++;
    return this.#append(kind, tenant, body, isAlone);
  }

  #append(kind: RecordKind, tenant: string, body: string, isAlone: boolean): Promise<void> | undefined {
    if (this.#isClosed) return this.#refuse("the journal is closed");
    if (this.#pendingRecords === 0 && this.#written.position >= this.#fullCheckAt && this.#isFull()) {
      return this.#refuse("the journal holds as much undrained as it may");
    }
    if (this.#pendingRecords === 0) this.#checkpointAfterSilence();
    this.#chain(kind, tenant, body);
    this.#pendingRecords++;
    if (this.#durability === "batch") {
      if (this.#pendingRecords >= memoryRecordsMax || this.#batch.length > memoryBytesMax) this.flush();
      else this.#memoryTimer ??= setTimeout(() => this.flush(), memoryMs);
      return undefined;
    }
    if (isAlone && this.#durability === "standard" && this.#turn === undefined) {
      const failure = this.flush();
      return failure === undefined ? undefined : rejected(failure);
    }
    this.#turn ??= newTurn();
    const { promise } = this.#turn;
    if (!this.#flushIsScheduled) {
      this.#flushIsScheduled = true;
      setImmediate(this.#flushTurn);
    } else if (this.#batch.length > batchBytesMax) {
      this.flush();
    }
    return promise;
  }

  /** A record of the journal's own: never refused for want of room. */
  appendOwn(action: string, detail: object): Promise<void> | undefined {
    if (this.#isClosed) return undefined;
    this.#chain("journal", "", ownBody(action, detail));
    this.#turn ??= newTurn();
    const { promise } = this.#turn;
    if (!this.#flushIsScheduled) {
      this.#flushIsScheduled = true;
      setImmediate(this.#flushTurn);
    }
    return promise;
  }

  /**
   * Writes what is collected now. Never throws: callers learn by their promise, the owner by `onFailure`, and whoever has no
   * promise by what is returned.
   */
  flush(): GatewayError | undefined {
    if (this.#memoryTimer !== undefined) {
      clearTimeout(this.#memoryTimer);
      this.#memoryTimer = undefined;
    }
    if (this.#sequence === this.#written.sequence) return undefined;
    const turn = this.#turn;
    const records = this.#pendingRecords;
    const drops = this.#unreportedDrops;
    if (drops > 0) this.#chain("journal", "", ownBody("journal.dropped", { records: drops }));
    if (this.#checkpointIsDue()) this.#checkpoint();
    const { files } = this.#options;
    this.#pendingRecords = 0;
    this.#turn = undefined;
    try {
      if (files.mustRotate) this.#rotate();
      files.write(this.#batch.buffer, this.#batch.length);
      this.#batch.clear();
    } catch (failure) {
      this.counts.writeErrors++;
      this.#stepBack(this.#written);
      return this.#lose(records, failure, turn);
    }
    this.#unreportedDrops -= drops;
    this.counts.batches++;
    this.counts.records += this.#sequence - this.#written.sequence;
    this.#written = {
      sequence: this.#sequence,
      link: this.#batch.link,
      position: files.position,
      checkpointSequence: this.#checkpointSequence,
    };
    if (this.#durability === "strict") {
      if (turn !== undefined) this.#waiting.push(turn);
      if (!this.#syncIsRunning) this.#sync();
    } else {
      this.#options.onCommitted(files.position);
      turn?.resolve();
    }
    return undefined;
  }

  /** Writes a checkpoint if records stand after the last one, with the batch under way. For timers. */
  checkpointIfDue(): void {
    if (this.#isClosed || this.#sequence === this.#checkpointSequence) return;
    if (!this.#checkpointIsDue()) return;
    this.#checkpoint();
    this.flush();
  }

  /**
   * Ends the chain with a mark and a checkpoint, on stable storage. Appends are refused from here on.
   * @throws Error where the mark could not be written; the chain ends without it
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.flush();
    this.#isClosed = true;
    this.#chain("journal", "", ownBody("journal.closed", {}));
    this.#checkpoint();
    const end = this.#sequence;
    this.flush();
    while (this.#syncIsRunning) await new Promise((resolve) => setTimeout(resolve, 1));
    this.#options.files.close();
    this.#options.onCommitted(this.#options.files.position);
    if (this.#written.sequence < end) throw new Error("the mark of the chain's end could not be written");
  }

  #chain(kind: RecordKind, tenant: string, body: string): void {
    this.#batch.add(this.#sequence + 1, this.#options.clock.now(), tenant, kind, nextSalt(), body);
    this.#sequence++;
  }

  #checkpointIsDue(): boolean {
    const { checkpointRecords, checkpointIntervalMs, clock } = this.#options;
    return (
      this.#sequence - this.#checkpointSequence >= checkpointRecords ||
      clock.now() - this.#checkpointTime >= checkpointIntervalMs
    );
  }

  /** After a pause (a full disk, a stopped process) the old records are signed before new ones follow. */
  #checkpointAfterSilence(): void {
    const elapsedMs = this.#options.clock.now() - this.#checkpointTime;
    const isDue = elapsedMs >= this.#options.checkpointIntervalMs;
    if (isDue && this.#sequence !== this.#checkpointSequence) this.#checkpoint();
  }

  #checkpoint(): void {
    const { chainId, signingKey, clock } = this.#options;
    const atSequence = this.#sequence;
    const atLink = this.#batch.link;
    const signature = signingKey.sign(checkpointText(chainId, atSequence, atLink));
    this.#chain("checkpoint", "", checkpointBody({ atSequence, atLink, keyId: signingKey.id, signature }));
    this.#checkpointSequence = this.#sequence;
    this.#checkpointTime = clock.now();
    this.counts.checkpoints++;
  }

  #rotate(): void {
    const isStrict = this.#durability === "strict";
    this.#options.files.rotate(isStrict);
    if (isStrict) this.#settle(this.#written, this.#waiting.splice(0));
  }

  /** One sync at a time; what is written meanwhile waits for the next (group commit). */
  #sync(): void {
    const covered = this.#written;
    const turns = this.#waiting.splice(0);
    this.#syncIsRunning = true;
    this.#options.files.sync((failure) => {
      this.#syncIsRunning = false;
      if (failure === null) {
        this.#settle(covered, turns);
      } else {
        this.#failSync(failure, turns);
      }
      if (this.#waiting.length > 0) this.#sync();
    });
  }

  #settle(covered: Head, turns: readonly Turn[]): void {
    if (covered.position > this.#stable.position) {
      this.#stable = covered;
      this.#options.onCommitted(covered.position);
    }
    for (const turn of turns) turn.resolve();
  }

  /** After a failed sync nobody knows what is on the disk: all that is not known to be stable is taken back. */
  #failSync(failure: Error, turns: readonly Turn[]): void {
    this.counts.syncErrors++;
    const lost = this.#sequence - this.#stable.sequence;
    const pendingTurn = this.#turn;
    this.#pendingRecords = 0;
    this.#turn = undefined;
    this.counts.records -= this.#written.sequence - this.#stable.sequence;
    this.#stepBack(this.#stable);
    this.#written = this.#stable;
    try {
      this.#options.files.retreat(this.#stable.position);
    } catch {
      // cut before the next write
    }
    this.#lose(lost, failure, ...turns, ...this.#waiting.splice(0), pendingTurn);
  }

  /** Everything behind `head` is forgotten, whether it was written or not. */
  #stepBack(head: Head): void {
    this.#batch.clear();
    this.#batch.link = head.link;
    this.#sequence = head.sequence;
    this.#checkpointSequence = head.checkpointSequence;
  }

  #lose(records: number, failure: unknown, ...turns: readonly (Turn | undefined)[]): GatewayError {
    if (this.#durability === "batch") {
      this.counts.drops += records;
      this.#unreportedDrops += records;
    } else {
      this.counts.refusals += records;
    }
    this.#callsUnderWay = 0;
    const error = new GatewayError("journal_unavailable", {}, { cause: failure });
    for (const turn of turns) turn?.reject(error);
    this.#options.onFailure(failure, records);
    return error;
  }

  #isFull(): boolean {
    const isFull = this.#options.isFull();
    if (!isFull) this.#fullCheckAt = this.#written.position + fullCheckBytes;
    return isFull;
  }

  #refuse(why: string): Promise<void> | undefined {
    this.#callsUnderWay = 0;
    if (this.#durability === "batch") {
      this.counts.drops++;
      this.#unreportedDrops++;
      return undefined;
    }
    this.counts.refusals++;
    return rejected(new GatewayError("journal_unavailable", {}, { cause: new Error(why) }));
  }
}

/** A caller may drop it; that must not surface as an unhandled rejection. */
function rejected(reason: GatewayError): Promise<void> {
  const refusal = Promise.reject(reason);
  refusal.catch(() => {});
  return refusal;
}

function newTurn(): Turn {
  const turn = Promise.withResolvers<void>();
  // A caller may drop its promise; that must not surface as an unhandled rejection.
  turn.promise.catch(() => {});
  return turn;
}
