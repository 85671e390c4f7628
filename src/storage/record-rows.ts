import type { Selectable } from "kysely";
import type { AuditLogEntry, RequestLogEntry } from "../model/log-entry.ts";
import type { OutcomeStatus } from "../model/ports/journal.ts";
import type {
  AuditFields,
  CallEndFields,
  CallFields,
  ChainLink,
  StoredRecord,
} from "../model/ports/record-sink.ts";
import { unpackLink } from "./record-columns.ts";
import type { Schema } from "./schema.ts";

type RequestRow = Selectable<Schema["requestLogs"]>;
type AuditRow = Selectable<Schema["auditLogs"]>;
type CheckpointRow = Selectable<Schema["auditCheckpoints"]>;

export function requestEntry(row: RequestRow): RequestLogEntry {
  const link = unpackLink(row.chainId, row.chainSeq, row.link, row.salt);
  return {
    id: row.id,
    organizationId: row.organizationId ?? undefined,
    startedAt: row.startedAt,
    link,
    call: callOf(row),
    end: endOf(row),
    endLink: endLinkOf(row),
  };
}

function endLinkOf(row: RequestRow): ChainLink | undefined {
  if (row.endChainId === null || row.endChainSeq === null || row.endLink === null) return undefined;
  return unpackLink(row.endChainId, row.endChainSeq, row.endLink, row.endSalt);
}

/** An expired payload has lost its method. */
function callOf(row: RequestRow): CallFields | undefined {
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

function endOf(row: RequestRow): CallEndFields | undefined {
  if (row.status === null || row.method === null) return undefined;
  return {
    status: row.status as OutcomeStatus,
    errorCode: row.errorCode ?? undefined,
    durationMs: row.durationMs ?? 0,
    resultBytes: row.resultBytes ?? 0,
  };
}

export function auditEntry(row: AuditRow): AuditLogEntry {
  return {
    organizationId: row.organizationId ?? undefined,
    link: unpackLink(row.chainId, row.chainSeq, row.link, row.salt),
    audit: auditOf(row),
  };
}

function auditOf(row: AuditRow): AuditFields | undefined {
  if (row.action === null || row.detailText === null) return undefined;
  return {
    action: row.action,
    actor: row.actor ?? undefined,
    namespaceId: row.namespaceId ?? undefined,
    target: row.target ?? undefined,
    correlationId: row.correlationId ?? undefined,
    clientAddress: row.clientAddress ?? undefined,
    detailJson: row.detailText,
  };
}

export function begunRecord(row: RequestRow): StoredRecord {
  const link = unpackLink(row.chainId, row.chainSeq, row.link, row.salt);
  const call = callOf(row);
  if (call === undefined) return { link, content: undefined };
  const end = link.kind === "call_refused" ? endOf(row) : undefined;
  const content = {
    row: "call" as const,
    id: row.id,
    startedAt: row.startedAt,
    call,
    link,
    end,
    endLink: undefined,
  };
  return { link, content };
}

export function endedRecord(row: RequestRow): StoredRecord | undefined {
  const link = endLinkOf(row);
  if (link === undefined) return undefined;
  const end = endOf(row);
  if (end === undefined) return { link, content: undefined };
  return { link, content: { row: "call_end", id: row.id, startedAt: row.startedAt, end, link } };
}

export function auditRecord(row: AuditRow): StoredRecord {
  const { link, audit } = auditEntry(row);
  if (audit === undefined) return { link, content: undefined };
  return { link, content: { row: "audit", id: `${row.chainId}:${row.chainSeq}`, audit, link } };
}

export function checkpointRecord(row: CheckpointRow): StoredRecord {
  const link = unpackLink(row.chainId, row.chainSeq, row.link, row.salt);
  const checkpoint = {
    atSequence: row.signedSeq,
    atLink: row.signedLink,
    keyId: row.signingKeyId,
    signature: row.signature,
  };
  return { link, content: { row: "checkpoint", id: `${row.chainId}:${row.chainSeq}`, checkpoint, link } };
}
