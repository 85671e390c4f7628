import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../model/ports/clock.ts";
import { systemClock } from "../model/ports/clock.ts";
import type {
  AuditEvent,
  CallContent,
  CallEnd,
  CallIntent,
  Durability,
  Journal,
} from "../model/ports/journal.ts";
import type { Log } from "../model/ports/log.ts";
import { auditBody, contentBody, intentBody, outcomeBody, refusedBody } from "./body.ts";
import { chainsIn, headOf } from "./chain-dir.ts";
import { type ChainCounts, ChainWriter } from "./chain-writer.ts";
import type { DrainEvent } from "./drain.ts";
import { SharedPositions } from "./drain-position.ts";
import type { RunningDrain, StartDrain } from "./drain-thread.ts";
import { createLeased, heartbeat, release } from "./lease.ts";
import { retireSegments } from "./retirement.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { openSigningKey, publishPublicKey, type SigningKey } from "./signing-key.ts";
import { StoreConfirmation } from "./store-confirmation.ts";
import { Takeover } from "./takeover.ts";

export interface FileJournalOptions {
  /** `<dataDir>/journal`; made if absent, shared by all processes of an installation on this machine. */
  readonly dir: string;
  readonly durability: Durability;
  /** Calls go on when every sink has their intent; needs a drain that looks often. */
  readonly waitsForSinks?: boolean;
  /** Without it nothing is drained and nothing is ever removed. */
  readonly drain?: StartDrain;
  /** Default: a key kept in `dir`. One derived from the master key (`deriveSigningKey`) leaves no secret there. */
  readonly signingKey?: SigningKey;
  readonly log?: Log;
  readonly clock?: Clock;
  /** Default 64 MiB. */
  readonly segmentBytesMax?: number;
  /** Undrained bytes at which records are refused, default 1 GiB. Counts only with a drain. */
  readonly undrainedBytesMax?: number;
  /** Default 10 s and 10,000 records, whichever is first; at most 30 s and 10,000 (the verifier relies on it). */
  readonly checkpointIntervalMs?: number;
  readonly checkpointRecords?: number;
  /** How long drained segments stay for verification: default 24 h, and 1 GiB in total. */
  readonly keepDrainedMs?: number;
  readonly keepDrainedBytes?: number;
}

export interface JournalStats extends Readonly<ChainCounts> {
  readonly undrainedBytes: number;
  readonly drainedRecords: number;
  readonly quarantinedRecords: number;
  /** Calls of dead processes closed as `unknown`. */
  readonly closedAsUnknown: number;
  readonly tornBytes: number;
}

const housekeepingMs = 1_000;
const slowHousekeepingRounds = 30;
const heartbeatRounds = 5;
const lastDrainMs = 2_000;

/** The journal on a local disk; see `docs/journal.md` for format and guarantees. */
export class FileJournal implements Journal {
  readonly durability: Durability;
  readonly chainId: string;
  readonly signingKey: SigningKey;
  /** Settled once every dead process's chain found at the start is recovered; never rejects. */
  readonly ready: Promise<void>;
  readonly #options: FileJournalOptions;
  readonly #dir: string;
  readonly #chainDir: string;
  readonly #files: SegmentWriter;
  readonly #writer: ChainWriter;
  readonly #positions = new SharedPositions();
  readonly #drain: RunningDrain | undefined;
  readonly #takeover: Takeover;
  readonly #confirmation: StoreConfirmation | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  #rounds = 0;
  #syncIsRunning = false;
  #syncedPosition = 0;
  #closing: Promise<void> | undefined;
  #quarantinedSince = 0;
  #failureLoggedAt = Number.NEGATIVE_INFINITY;

  /** Opens a new chain. Throws the file system's error where the directory cannot be written. */
  static open(options: FileJournalOptions): FileJournal {
    return new FileJournal(options);
  }

  private constructor(options: FileJournalOptions) {
    this.#options = options;
    this.durability = options.durability;
    this.#dir = options.dir;
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    this.signingKey = options.signingKey ?? openSigningKey(this.#dir);
    publishPublicKey(this.#dir, this.signingKey);
    const heads = this.#knownHeads();
    this.chainId = Bun.randomUUIDv7();
    createLeased(this.#dir, this.chainId);
    this.#chainDir = join(this.#dir, this.chainId);
    this.#files = new SegmentWriter(this.#chainDir, options.segmentBytesMax ?? 64 << 20);
    this.#writer = new ChainWriter({
      chainId: this.chainId,
      durability: options.durability,
      files: this.#files,
      signingKey: this.signingKey,
      clock: options.clock ?? systemClock,
      checkpointIntervalMs: Math.min(options.checkpointIntervalMs ?? 10_000, 30_000),
      checkpointRecords: Math.min(options.checkpointRecords ?? 10_000, 10_000),
      isFull: () => this.#undrainedBytes() >= (options.undrainedBytesMax ?? 1 << 30),
      onCommitted: (position) => {
        this.#positions.committed = position;
      },
      onFailure: (failure, records) => this.#logFailure(failure, records),
    });
    void this.#writer.appendOwn("journal.opened", { format: 1, keyId: this.signingKey.id, heads });
    this.#writer.flush();
    this.#drain = options.drain?.({
      journalDir: this.#dir,
      chainId: this.chainId,
      positions: this.#positions,
      report: (event) => this.#onDrainEvent(event),
    });
    this.#confirmation =
      options.waitsForSinks === true && this.#drain !== undefined
        ? new StoreConfirmation(() => this.#drainedPosition())
        : undefined;
    this.#takeover = new Takeover({
      journalDir: this.#dir,
      chainId: this.chainId,
      sinkNames: this.#drain?.sinkNames ?? [],
      positions: this.#positions,
      writer: this.#writer,
      log: options.log,
    });
    this.ready = this.#takeover.recoverAbandoned();
    this.#timer = setInterval(() => this.#keepHouse(), housekeepingMs);
    this.#timer.unref();
  }

  intent(intent: CallIntent): Promise<void> | undefined {
    return this.#writer.appendOfCall("call_intent", intent.principal.organizationId, intentBody(intent));
  }

  confirmed(): Promise<void> | undefined {
    return this.#confirmation?.until(this.#files.position);
  }

  outcome(intent: CallIntent, end: CallEnd): Promise<void> | undefined {
    return this.#writer.appendOfCall(
      "call_outcome",
      intent.principal.organizationId,
      outcomeBody(intent.callId, end),
    );
  }

  refused(intent: CallIntent, end: CallEnd): Promise<void> | undefined {
    return this.#writer.append("call_refused", intent.principal.organizationId, refusedBody(intent, end));
  }

  content(content: CallContent): Promise<void> | undefined {
    return this.#writer.append("call_content", content.organizationId, contentBody(content));
  }

  event(event: AuditEvent): Promise<void> | undefined {
    const { kind, organizationId, actorName, ...fields } = event;
    const detail = actorName === undefined ? event.detail : { ...event.detail, actor_name: actorName };
    return this.#writer.append(
      kind,
      organizationId ?? "",
      auditBody({ ...fields, detailJson: detailText(detail) }),
    );
  }

  stats(): JournalStats {
    const drained = this.#drain?.counts();
    return {
      ...this.#writer.counts,
      undrainedBytes: this.#undrainedBytes(),
      drainedRecords: drained?.records ?? 0,
      quarantinedRecords: drained?.quarantined ?? 0,
      closedAsUnknown: this.#takeover.closedAsUnknown,
      tornBytes: this.#takeover.tornBytes,
    };
  }

  /** Ends the chain in order: last records, checkpoint, stable storage, one last drain of at most 2 s. What a full disk keeps from it is logged. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    this.#confirmation?.close();
    await this.#takeover.settled;
    while (this.#syncIsRunning) await new Promise((resolve) => setTimeout(resolve, 1));
    let isClosed = true;
    try {
      await this.#writer.close();
    } catch (failure) {
      isClosed = false;
      this.#logFailure(failure, 0);
    }
    await this.#drain?.stop(lastDrainMs);
    try {
      this.#takeover.finishDrained();
      release(this.#chainDir, isClosed);
    } catch (failure) {
      // The lease ends with the process then.
      this.#logFailure(failure, 0);
    }
  }

  /** Heads of the other chains, so that one that vanishes or is cut short is missed. */
  #knownHeads(): { chain: string; sequence: number; link: string }[] {
    return chainsIn(this.#dir).flatMap((chain) => {
      const head = headOf(join(this.#dir, chain))?.link;
      return head === undefined ? [] : [{ chain, sequence: head.sequence, link: head.link }];
    });
  }

  /** Once a second: disk, checkpoint, heartbeat; less often what other processes left and what may go. */
  #keepHouse(): void {
    try {
      this.#writer.checkpointIfDue();
      if (this.durability !== "strict") this.#syncSoon();
      this.#rounds++;
      if (this.#rounds % heartbeatRounds === 0) {
        heartbeat(this.#chainDir);
        this.#takeover.finishDrained();
      }
      if (this.#rounds % slowHousekeepingRounds !== 0) return;
      void this.#takeover.recoverAbandoned();
      this.#recordQuarantined();
      this.retireDrained();
    } catch (failure) {
      this.#logFailure(failure, 0);
    }
  }

  #syncSoon(): void {
    const position = this.#files.position;
    if (this.#syncIsRunning || position === this.#syncedPosition) return;
    this.#syncIsRunning = true;
    this.#files.sync((failure) => {
      this.#syncIsRunning = false;
      if (failure === null) {
        this.#syncedPosition = position;
        return;
      }
      this.#writer.counts.syncErrors++;
      this.#logFailure(failure, 0);
    });
  }

  /** Removes drained segments past their time, each with a signed retirement; also runs by itself every 30 s. */
  retireDrained(): void {
    const retired = retireSegments(this.#dir, this.chainId, this.signingKey, {
      sinkNames: this.#drain?.sinkNames ?? [],
      keepMs: this.#options.keepDrainedMs ?? 24 * 3_600_000,
      keepBytes: this.#options.keepDrainedBytes ?? 1 << 30,
      nowMs: Date.now(),
    });
    for (const { signature: _, ...detail } of retired) void this.#writer.appendOwn("journal.retired", detail);
  }

  /** One record for all of half a minute: a sink that refuses this very record must not start a loop. */
  #recordQuarantined(): void {
    const records = this.#quarantinedSince;
    if (records === 0) return;
    this.#quarantinedSince = 0;
    void this.#writer.appendOwn("journal.quarantined", { records });
  }

  #undrainedBytes(): number {
    if (this.#drain === undefined) return 0;
    return this.#files.position - this.#drainedPosition() + this.#takeover.undrainedBytes;
  }

  /** What every sink has of this chain. */
  #drainedPosition(): number {
    let least = this.#files.position;
    for (let index = 0; index < (this.#drain?.sinkNames.length ?? 0); index++) {
      least = Math.min(least, this.#positions.drained(index));
    }
    return least;
  }

  #onDrainEvent(event: DrainEvent): void {
    const { kind, ...fields } = event;
    if (kind !== "quarantined" && this.#confirmation !== undefined)
      this.#confirmation.out = kind === "outage";
    if (kind === "quarantined") {
      this.#options.log?.error(fields, "a record was refused by a sink and put into quarantine");
      this.#quarantinedSince++;
    } else if (kind === "outage") {
      this.#options.log?.error(fields, "a sink of the journal is out; records are kept and tried again");
    } else {
      this.#options.log?.info(fields, "a sink of the journal is back");
    }
  }

  /** A full disk fails every batch: one line in five seconds says it. */
  #logFailure(failure: unknown, records: number): void {
    const now = performance.now();
    if (now - this.#failureLoggedAt < 5_000) return;
    this.#failureLoggedAt = now;
    this.#options.log?.error({ failure: String(failure), records }, "the journal could not be written");
  }
}

function detailText(detail: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify(detail);
  } catch {
    return "{}"; // a cycle: the event itself must still stand
  }
}
