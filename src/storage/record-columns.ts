import type {
  AuditRow,
  CallEndFields,
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

export const requestColumns: Columns = {
  id: "uuid",
  started_at: "time",
  organization_id: "uuid",
  namespace_id: "uuid",
  correlation_id: "text",
  principal_id: "text",
  principal_name: "text",
  method: "text",
  server_id: "uuid",
  server_name: "text",
  served_by: "text",
  target: "text",
  arguments_digest: "text",
  client_address: "text",
  client_name: "text",
  era: "text",
  trace_id: "text",
  chain_id: "uuid",
  chain_seq: "bigint",
  link: "text",
  salt: "text",
  status: "text",
  error_code: "text",
  duration_ms: "real",
  result_bytes: "bigint",
  end_chain_id: "uuid",
  end_chain_seq: "bigint",
  end_link: "text",
  end_salt: "text",
};
/** What an outcome writes into its call's row, after the row's key. */
export const endColumns: Columns = {
  id: "uuid",
  started_at: "time",
  status: "text",
  error_code: "text",
  duration_ms: "real",
  result_bytes: "bigint",
  end_chain_id: "uuid",
  end_chain_seq: "bigint",
  end_link: "text",
  end_salt: "text",
};
export const auditColumns: Columns = {
  chain_id: "uuid",
  chain_seq: "bigint",
  logged_at: "time",
  organization_id: "uuid",
  namespace_id: "uuid",
  action: "text",
  actor: "text",
  target: "text",
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
const orNull = (text: string | undefined): string | null => text || null;

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

function endValues(end: CallEndFields | undefined, link: ChainLink | undefined): Value[] {
  return [
    end?.status ?? null,
    end?.errorCode ?? null,
    end?.durationMs ?? null,
    end?.resultBytes ?? null,
    link?.chainId ?? null,
    link?.sequence ?? null,
    link === undefined ? null : packLink(link),
    link?.salt ?? null,
  ];
}

function requestValues({ id, startedAt, call, link, end, endLink }: CallRow): Value[] {
  return [
    id,
    startedAt,
    orNull(link.tenant),
    orNull(call.namespaceId),
    call.correlationId,
    call.principalId,
    call.principalName,
    call.method,
    orNull(call.serverId),
    call.serverName ?? null,
    call.servedBy ?? null,
    call.target ?? null,
    call.argumentsDigest ?? null,
    call.clientAddress,
    call.clientName ?? null,
    call.era,
    call.traceId ?? null,
    link.chainId,
    link.sequence,
    packLink(link),
    link.salt ?? null,
    ...endValues(end, endLink),
  ];
}

function auditValues({ audit, link }: AuditRow): Value[] {
  return [
    link.chainId,
    link.sequence,
    link.time,
    orNull(link.tenant),
    orNull(audit.namespaceId),
    audit.action,
    audit.actor ?? null,
    audit.target ?? null,
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

/** A batch as rows of values, in the order of the columns above. */
export interface RowBatch {
  readonly requests: Value[][];
  readonly ends: Value[][];
  readonly contents: ContentRow[];
  readonly audits: Value[][];
  readonly checkpoints: Value[][];
  readonly heads: Value[][];
}

/** Sorts a batch into its tables. A call that comes twice counts once, with its end if either has one. */
export function rowsOf(batch: readonly DrainedRecord[], now: number): RowBatch {
  const rows: RowBatch = { requests: [], ends: [], contents: [], audits: [], checkpoints: [], heads: [] };
  const calls = new Map<string, CallRow>();
  const ends = new Map<string, CallEndRow>();
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
    } else if (record.row === "content") rows.contents.push(record);
    else if (record.row === "audit") rows.audits.push(auditValues(record));
    else rows.checkpoints.push(checkpointValues(record));
  }
  for (const call of calls.values()) rows.requests.push(requestValues(call));
  for (const { id, startedAt, end, link } of ends.values()) {
    rows.ends.push([id, startedAt, ...endValues(end, link)]);
  }
  for (const { chainId, sequence, link } of heads.values()) rows.heads.push([chainId, sequence, link, now]);
  return rows;
}

/** What happens where the row is there already. The first end of a call counts; heads only grow; all else is the same record again. */
export const onConflict = {
  requests: `on conflict (id, started_at) do update set ${Object.keys(endColumns)
    .slice(2)
    .map((name) => `${name} = excluded.${name}`)
    .join(", ")} where request_logs.status is null and excluded.status is not null`,
  contents: "on conflict do nothing",
  audits: "on conflict do nothing",
  checkpoints: "on conflict do nothing",
  heads: `on conflict (chain_id) do update set head_seq = excluded.head_seq, head_link = excluded.head_link,
    updated_at = excluded.updated_at where audit_chains.head_seq < excluded.head_seq`,
} as const;
