import { join } from "node:path";
import type { Log } from "../model/ports/log.ts";
import { outcomeBody } from "./body.ts";
import type { ChainWriter } from "./chain-writer.ts";
import { readDrained, type SharedPositions } from "./drain-position.ts";
import { finish, isTakenOverBy } from "./lease.ts";
import {
  mark,
  markerOf,
  type RecoveredChain,
  recoverChain,
  type TakenChain,
  takeAbandoned,
} from "./recovery.ts";

export interface TakeoverOptions {
  readonly journalDir: string;
  readonly chainId: string;
  readonly sinkNames: readonly string[];
  readonly positions: SharedPositions;
  readonly writer: ChainWriter;
  readonly log: Log | undefined;
}

/** What one process does for those that died: takes their chains over, closes their calls, sees them drained. */
export class Takeover {
  readonly #options: TakeoverOptions;
  /** Recovered and not yet finished, with their end. */
  readonly #taken = new Map<string, number>();
  /** Taken over; a recovery that failed (a full disk) is tried again. */
  readonly #toRecover: TakenChain[] = [];
  #running: Promise<void> = Promise.resolve();
  closedAsUnknown = 0;
  tornBytes = 0;

  constructor(options: TakeoverOptions) {
    this.#options = options;
  }

  /** Of the chains taken over. */
  get undrainedBytes(): number {
    let left = 0;
    for (const [chainId, end] of this.#taken) left += end - this.#drainedOf(chainId, end);
    return left;
  }

  get settled(): Promise<void> {
    return this.#running;
  }

  /** One at a time, oldest chain first. Never rejects: what fails is logged and tried again at the next call. */
  recoverAbandoned(): Promise<void> {
    const { journalDir, chainId, log } = this.#options;
    this.#running = this.#running.then(async () => {
      try {
        this.#toRecover.push(...takeAbandoned(journalDir, chainId));
        for (let next = this.#toRecover[0]; next !== undefined; next = this.#toRecover[0]) {
          await this.#recover(next);
          this.#toRecover.shift();
        }
        this.finishDrained();
      } catch (failure) {
        log?.error({ failure: String(failure) }, "a journal chain could not be recovered");
      }
    });
    return this.#running;
  }

  async #recover({ chainId, takenOverFrom }: TakenChain): Promise<void> {
    const { journalDir, positions } = this.#options;
    const dir = join(journalDir, chainId);
    const marker = markerOf(dir);
    if (marker?.closedBy !== undefined) {
      positions.countRecovery();
      this.#taken.set(chainId, marker.end);
      return;
    }
    const recovered = await recoverChain(journalDir, chainId, takenOverFrom);
    positions.countRecovery(); // before the closing outcomes: the drain takes the old chain's intents first
    await this.#closeOpenCalls(recovered);
    mark(dir, { end: recovered.end, closedBy: this.#options.chainId });
    this.#taken.set(chainId, recovered.end);
    this.tornBytes += recovered.tornBytes;
  }

  async #closeOpenCalls(recovered: RecoveredChain): Promise<void> {
    const { writer, log } = this.#options;
    const { chainId, sequence, link, openCalls, tornBytes, closedInOrder } = recovered;
    const end = { status: "unknown", errorCode: undefined, durationMs: 0, resultBytes: 0 } as const;
    await Promise.all(
      openCalls.map(({ callId, tenant }) => writer.append("call_outcome", tenant, outcomeBody(callId, end))),
    );
    const detail = { chain: chainId, sequence, link, closedAsUnknown: openCalls.length, tornBytes };
    await writer.appendOwn("journal.recovered", detail);
    this.closedAsUnknown += openCalls.length;
    if (openCalls.length > 0 || tornBytes > 0 || !closedInOrder) {
      log?.warn(detail, "recovered the journal of a process that ended without closing it");
    }
  }

  /** Gives up the lease on chains that every sink has whole. */
  finishDrained(): void {
    const { journalDir, chainId: own } = this.#options;
    for (const [chainId, end] of this.#taken) {
      if (this.#drainedOf(chainId, end) < end) continue;
      if (isTakenOverBy(journalDir, chainId, own)) finish(journalDir, chainId, own);
      this.#taken.delete(chainId);
    }
  }

  #drainedOf(chainId: string, end: number): number {
    const dir = join(this.#options.journalDir, chainId);
    return this.#options.sinkNames.reduce((least, name) => Math.min(least, readDrained(dir, name)), end);
  }
}
