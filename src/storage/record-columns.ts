import { type EventFacets, eventFacets } from "../model/event-facets.ts";
import type {
  AuditRow,
  CallEndRow,
  CallRow,
  ChainLink,
  CheckpointRow,
  ContentRow,
  DrainedRecord,
} from "../model/ports/record-sink.ts";

/** How a value stands in a batch: `time` as milliseconds, all others as they are. */
export type ColumnKind = "uuid" | "text" | "bigint" | "real" | "time";
export type Columns = Readonly<Record<string, ColumnKind>>;
export type Value = string | number | null;

export const auditColumns: Columns = {
  chain_id: "uuid",
  chain_seq: "bigint",
  logged_at: "time",
  organization_id: "uuid",
  namespace_id: "uuid",
  action: "text",
  actor: "text",
  actor_name: "text",
  target: "text",
  status: "text",
  error_code: "text",
  correlation_id: "text",
  client_address: "text",
  detail_text: "text",
  link: "text",
  salt: "text",
};
export const checkpointColumns: Columns = {
  chain_id: "uuid",
  chain_seq: "bigint",
  signed_seq: "bigint",
  signed_link: "text",
  signing_key_id: "text",
  signature: "text",
  link: "text",
  salt: "text",
};
export const headColumns: Columns = {
  chain_id: "uuid",
  head_seq: "bigint",
  head_link: "text",
  updated_at: "time",
};

/** An organisation or namespace that the record does not belong to is an empty text in the journal. */
export const orNull = (text: string | undefined): string | null => text || null;

/** All of a link but its chain, sequence and salt, which have columns of their own; no part holds a space. */
export function packLink({ time, tenant, kind, previous, digest, link }: ChainLink): string {
  return `${time} ${tenant} ${kind} ${previous} ${digest} ${link}`;
}

export function unpackLink(
  chainId: string,
  sequence: number,
  packed: string,
  salt: string | null,
): ChainLink {
  const [time, tenant = "", kind, previous = "", digest = "", link = ""] = packed.split(" ");
  return {
    chainId,
    sequence,
    previous,
    time: Number(time),
    tenant,
    kind: kind as ChainLink["kind"],
    digest,
    link,
    salt: salt ?? undefined,
  };
}

/** The text is the journal's; one that nobody can read is stored all the same. */
function facetsOf(detailJson: string): EventFacets {
  try {
    return eventFacets(JSON.parse(detailJson));
  } catch {
    return eventFacets(undefined);
  }
}

function auditValues({ audit, link }: AuditRow): Value[] {
  const { status, errorCode, actorName } = facetsOf(audit.detailJson);
  return [
    link.chainId,
    link.sequence,
    link.time,
    orNull(link.tenant),
    orNull(audit.namespaceId),
    audit.action,
    audit.actor ?? null,
    // PostgreSQL has no text with a NUL in it.
    actorName?.replaceAll("\0", "") ?? null,
    audit.target ?? null,
    status ?? null,
    errorCode ?? null,
    audit.correlationId ?? null,
    audit.clientAddress ?? null,
    audit.detailJson,
    packLink(link),
    link.salt ?? null,
  ];
}

function checkpointValues({ checkpoint, link }: CheckpointRow): Value[] {
  return [
    link.chainId,
    link.sequence,
    checkpoint.atSequence,
    checkpoint.atLink,
    checkpoint.keyId,
    checkpoint.signature,
    packLink(link),
    link.salt ?? null,
  ];
}

/** A batch by its tables: calls and their ends as each dialect keeps them, the others as rows of values, in the order of the columns above. */
export interface RowBatch {
  readonly calls: CallRow[];
  readonly ends: CallEndRow[];
  readonly contents: ContentRow[];
  readonly audits: Value[][];
  readonly checkpoints: Value[][];
  readonly heads: Value[][];
}

/** Sorts a batch into its tables. A call that comes twice counts once, with its end if either has one. */
export function rowsOf(batch: readonly DrainedRecord[], now: number): RowBatch {
  const calls = new Map<string, CallRow>();
  const ends = new Map<string, CallEndRow>();
  const [contents, audits, checkpoints]: [ContentRow[], Value[][], Value[][]] = [[], [], []];
  const heads = new Map<string, ChainLink>();
  const see = (link: ChainLink): void => {
    const head = heads.get(link.chainId);
    if (head === undefined || head.sequence < link.sequence) heads.set(link.chainId, link);
  };
  for (const record of batch) {
    see(record.link);
    if (record.row === "call") {
      if (record.endLink !== undefined) see(record.endLink);
      if (calls.get(record.id)?.end === undefined) calls.set(record.id, record);
    } else if (record.row === "call_end") {
      if (!ends.has(record.id)) ends.set(record.id, record);
    } else if (record.row === "content") contents.push(record);
    else if (record.row === "audit") audits.push(auditValues(record));
    else checkpoints.push(checkpointValues(record));
  }
  return {
    calls: [...calls.values()],
    ends: [...ends.values()],
    contents,
    audits,
    checkpoints,
    heads: [...heads.values()].map(({ chainId, sequence, link }) => [chainId, sequence, link, now]),
  };
}

/** What happens where the row is there already. Heads only grow; all else is the same record again. */
export const onConflict = {
  contents: "on conflict do nothing",
  audits: "on conflict do nothing",
  checkpoints: "on conflict do nothing",
  heads: `on conflict (chain_id) do update set head_seq = excluded.head_seq, head_link = excluded.head_link,
    updated_at = excluded.updated_at where audit_chains.head_seq < excluded.head_seq`,
} as const;
