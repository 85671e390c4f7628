import { sql } from "kysely";
import type { RequestLogEntry } from "../../model/log-entry.ts";
import type { CallEndFields, CallFields, ChainLink } from "../../model/ports/record-sink.ts";
import { type CallColumns, type CallTable, endOf, expiredStatus } from "../call-table.ts";
import { type Columns, orNull, packLink, unpackLink, type Value } from "../record-columns.ts";

export const callColumns = {
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
} as const satisfies Columns;

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

export function endValues(end: CallEndFields | undefined, link: ChainLink | undefined): Value[] {
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

/** In the order of `callColumns`. */
export function callValues({
  id,
  startedAt,
  call,
  link,
  end,
  endLink,
}: Omit<RequestLogEntry, "organizationId">): Value[] {
  return [
    id,
    startedAt,
    orNull(link.tenant),
    orNull(call?.namespaceId),
    call?.correlationId ?? null,
    call?.principalId ?? null,
    call?.principalName ?? null,
    call?.method ?? null,
    orNull(call?.serverId),
    call?.serverName ?? null,
    call?.servedBy ?? null,
    call?.target ?? null,
    call?.argumentsDigest ?? null,
    call?.clientAddress ?? null,
    call?.clientName ?? null,
    call?.era ?? null,
    call?.traceId ?? null,
    link.chainId,
    link.sequence,
    packLink(link),
    link.salt ?? null,
    ...endValues(end, endLink),
  ];
}

function endLinkOf(row: CallColumns): ChainLink | undefined {
  if (row.endChainId === null || row.endChainSeq === null || row.endLink === null) return undefined;
  return unpackLink(row.endChainId, row.endChainSeq, row.endLink, row.endSalt);
}

function callOf(row: CallColumns): CallFields | undefined {
  if (row.method === null) return undefined;
  return {
    callId: row.id,
    correlationId: row.correlationId ?? "",
    principalId: row.principalId ?? "",
    principalName: row.principalName ?? "",
    namespaceId: row.namespaceId ?? "",
    method: row.method,
    serverId: row.serverId ?? undefined,
    serverName: row.serverName ?? undefined,
    servedBy: row.servedBy ?? undefined,
    target: row.target ?? undefined,
    argumentsDigest: row.argumentsDigest ?? undefined,
    clientAddress: row.clientAddress ?? "",
    clientName: row.clientName ?? undefined,
    era: row.era ?? "",
    traceId: row.traceId ?? undefined,
  };
}

const camel = (name: string): keyof CallColumns =>
  name.replaceAll(/_[a-z]/g, (part) => part.slice(1).toUpperCase()) as keyof CallColumns;

/** A column for every field: the server parses a batch, and its processor is not the gateway's. */
export const postgresCalls: CallTable = {
  source: "requestLogs",
  stepRows: undefined,
  columns: Object.keys(callColumns).map(camel),
  key: ["id", "startedAt"],
  expired: {
    correlationId: null,
    principalId: null,
    principalName: null,
    method: null,
    serverId: null,
    serverName: null,
    servedBy: null,
    target: null,
    argumentsDigest: null,
    clientAddress: null,
    clientName: null,
    era: null,
    traceId: null,
    errorCode: null,
    durationMs: null,
    resultBytes: null,
    // An intent without an outcome stays one; its outcome may still come.
    status: sql<string | null>`case when status is null then null else 'expired' end`,
    salt: null,
    endSalt: null,
  },
  entryOf: (row) => ({
    id: row.id,
    organizationId: row.organizationId ?? undefined,
    namespaceId: row.namespaceId ?? undefined,
    startedAt: row.startedAt,
    link: unpackLink(row.chainId, row.chainSeq, row.link, row.salt),
    call: callOf(row),
    end: row.method === null ? undefined : endOf(row),
    endLink: endLinkOf(row),
  }),
  rowOf: (call) => {
    const values = callValues(call);
    const row = Object.fromEntries(Object.keys(callColumns).map((name, at) => [name, values[at] ?? null]));
    return {
      ...row,
      started_at: new Date(call.startedAt),
      namespace_id: orNull(call.namespaceId),
      status: call.call === undefined ? expiredStatus(call) : (call.end?.status ?? null),
    };
  },
};
