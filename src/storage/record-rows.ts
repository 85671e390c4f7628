import type { Selectable } from "kysely";
import type { AuditLogEntry } from "../model/log-entry.ts";
import type { AuditFields, StoredRecord } from "../model/ports/record-sink.ts";
import { unpackLink } from "./record-columns.ts";
import type { Schema } from "./schema.ts";

type AuditRow = Selectable<Schema["auditLogs"]>;
type CheckpointRow = Selectable<Schema["auditCheckpoints"]>;

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
