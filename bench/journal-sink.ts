/** The thread behind `bench/journal.ts`: rows into SQLite, one transaction a batch. */
import { Database } from "bun:sqlite";
import { serveDrain } from "../src/journal/drain-thread.ts";
import type { DrainedRecord, RecordSink } from "../src/model/ports/record-sink.ts";

serveDrain(async (options) => [openSink((options as { path: string }).path)]);

function openSink(path: string): RecordSink {
  const database = new Database(path, { create: true });
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = NORMAL");
  database.run(
    `CREATE TABLE request_logs (id TEXT PRIMARY KEY, started_at INTEGER, tenant TEXT, principal TEXT, method TEXT,
     server TEXT, target TEXT, status TEXT, duration_ms REAL, chain TEXT, sequence INTEGER, previous TEXT, digest TEXT, link TEXT, salt TEXT,
     end_sequence INTEGER, end_previous TEXT, end_digest TEXT, end_link TEXT, end_salt TEXT) WITHOUT ROWID`,
  );
  const insert = database.prepare(
    `INSERT INTO request_logs VALUES (${Array.from({ length: 20 }, () => "?").join()}) ON CONFLICT DO NOTHING`,
  );
  const update = database.prepare("UPDATE request_logs SET status = ?, end_link = ? WHERE id = ?");
  const keep = (record: DrainedRecord): void => {
    if (record.row === "call_end") {
      update.run(record.end.status, record.link.link, record.id);
    } else if (record.row === "call") {
      const { call, link, end, endLink } = record;
      insert.run(
        record.id,
        record.startedAt,
        link.tenant,
        call.principalId,
        call.method,
        call.serverId ?? null,
        call.target ?? null,
        end?.status ?? null,
        end?.durationMs ?? null,
        link.chainId,
        link.sequence,
        link.previous,
        link.digest,
        link.link,
        link.salt ?? null,
        endLink?.sequence ?? null,
        endLink?.previous ?? null,
        endLink?.digest ?? null,
        endLink?.link ?? null,
        endLink?.salt ?? null,
      );
    }
  };
  const writeAll = database.transaction((batch: readonly DrainedRecord[]) => batch.forEach(keep));
  return { name: "sqlite", write: async (batch) => writeAll(batch), close: async () => database.close() };
}
