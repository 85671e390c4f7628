import type { Settings } from "../config/settings.ts";
import { drainHere, drainInThread, type StartDrain } from "../journal/drain-thread.ts";
import { FileJournal } from "../journal/file-journal.ts";
import { deriveSigningKey } from "../journal/signing-key.ts";
import type { AuditEvent } from "../model/ports/journal.ts";
import type { Log } from "../model/ports/log.ts";
import { openRecordSink } from "../storage/open.ts";
import { masterKeysOf } from "./master-keys.ts";

/** Between two looks of the drain, where calls wait for it. */
const CONFIRMED_DRAIN_MS = 5;
/** Longer than any command: it drains once, at its end, since a drain beside its own writes to an embedded store waits for them. */
const COMMAND_DRAIN_MS = 3_600_000;

/** The running gateway's journal, drained into its store by a thread. */
export function openJournal(settings: Settings, masterKeys: readonly Uint8Array[], log: Log): FileJournal {
  const { audit } = settings;
  const drain = drainInThread({
    worker: new URL("./drain-worker.ts", import.meta.url),
    sinkNames: ["store"],
    sinkOptions: settings.store,
    ...(audit.waitsForStore && { intervalMs: CONFIRMED_DRAIN_MS }),
  });
  return openWith(drain, settings, masterKeys, log);
}

/**
 * The journal of commands where no gateway runs: a chain of their own, drained into the store before they end. What the store
 * does not take in 2 s, the next gateway on this journal drains. It is opened by the first event.
 */
export class CommandJournal {
  readonly #settings: Settings;
  #opening: Promise<FileJournal> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async event(event: AuditEvent): Promise<void> {
    this.#opening ??= this.#open();
    await (await this.#opening).event(event);
  }

  async close(): Promise<void> {
    await (await this.#opening)?.close();
  }

  async #open(): Promise<FileJournal> {
    const drain = drainHere([await openRecordSink(this.#settings.store)], COMMAND_DRAIN_MS);
    return openWith(drain, this.#settings, masterKeysOf(this.#settings), undefined);
  }
}

function openWith(
  drain: StartDrain,
  { audit }: Settings,
  masterKeys: readonly Uint8Array[],
  log: Log | undefined,
): FileJournal {
  return FileJournal.open({
    dir: audit.journalDir,
    durability: audit.durability,
    waitsForSinks: audit.waitsForStore,
    drain,
    signingKey: deriveSigningKey(masterKeys[0] as Uint8Array),
    ...(log !== undefined && { log }),
    segmentBytesMax: audit.segmentBytesMax,
    undrainedBytesMax: audit.journalBytesMax,
    keepDrainedMs: audit.journalRetainMs,
  });
}
