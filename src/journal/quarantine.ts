import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { DrainedRecord } from "../model/ports/record-sink.ts";

/** Records a sink will never take, one JSON line each in `<journal>/quarantine/<sink>.jsonl`, for the operator. */
export class Quarantine {
  readonly #path: string;

  constructor(journalDir: string, sink: string) {
    const dir = join(journalDir, "quarantine");
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#path = join(dir, `${sink}.jsonl`);
  }

  keepRecord(record: DrainedRecord, reason: string): void {
    this.#keep({ reason, record });
  }
  /** Bytes that are no record. */
  keepBytes(chainId: string, position: number, bytes: Uint8Array, reason: string): void {
    this.#keep({ reason, chainId, position, base64: Buffer.from(bytes).toString("base64") });
  }

  #keep(entry: object): void {
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`, { flush: true, mode: 0o600 });
  }
}
