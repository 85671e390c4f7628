import type { CallContent, CallIntent } from "../model/ports/journal.ts";
import type { AuditFields, CallEndFields, CallFields, CheckpointFields } from "../model/ports/record-sink.ts";
import { quote } from "../protocol/json.ts";

/*
 * The payload of a record: JSON with a fixed key order, absent members left out, strings exactly as JSON.stringify
 * writes them. The digest covers these bytes, so append (from values) and verification (from a store's columns) go
 * through the same functions. JSON.stringify makes one flat string; joined from forty pieces, a string takes twice as
 * long, most of it when it is first read (ADR 0023).
 */

function member(name: string, value: string | undefined | null): string {
  return value === undefined || value === null ? "" : `,"${name}":${quote(value)}`;
}

/** In the order of their text, where `undefined` is left out; a store may hold null for it. */
function callMembers(call: Omit<CallFields, "principalId" | "principalName">, id: string, name: string) {
  return {
    callId: call.callId,
    correlationId: call.correlationId,
    principalId: id,
    principalName: name,
    namespaceId: call.namespaceId,
    method: call.method,
    serverId: call.serverId ?? undefined,
    serverName: call.serverName ?? undefined,
    servedBy: call.servedBy ?? undefined,
    target: call.target ?? undefined,
    argumentsDigest: call.argumentsDigest ?? undefined,
    clientAddress: call.clientAddress,
    clientName: call.clientName ?? undefined,
    era: call.era,
    traceId: call.traceId ?? undefined,
  };
}

function endMembers(end: CallEndFields) {
  return {
    status: end.status,
    errorCode: end.errorCode ?? undefined,
    durationMs: roundedMs(end.durationMs),
    resultBytes: Number.isFinite(end.resultBytes) ? end.resultBytes : 0,
  };
}

/** Microseconds are kept; a shorter text, and a number that any store gives back as it was. */
export function roundedMs(ms: number): number {
  return Math.abs(ms) < 1e12 ? Math.round(ms * 1000) / 1000 : 0;
}

export function intentBody(intent: CallIntent): string {
  return JSON.stringify(callMembers(intent, intent.principal.id, intent.principal.name));
}
export function refusedBody(intent: CallIntent, end: CallEndFields): string {
  const call = callMembers(intent, intent.principal.id, intent.principal.name);
  return JSON.stringify({ ...call, ...endMembers(end) });
}
export function outcomeBody(callId: string, end: CallEndFields): string {
  const { status, errorCode, durationMs, resultBytes } = endMembers(end);
  return JSON.stringify({ callId, status, errorCode, durationMs, resultBytes });
}

export function contentBody(content: Omit<CallContent, "organizationId">): string {
  return (
    `{"callId":${quote(content.callId)},"part":"${content.part}","level":"${content.level}"` +
    `,"bytes":${content.bytes},"sealed":${quote(content.sealed)}}`
  );
}

/** Of a stored call: its intent, or with `end` a refusal. */
export function callBody(call: CallFields, end?: CallEndFields): string {
  const members = callMembers(call, call.principalId, call.principalName);
  return JSON.stringify(end === undefined ? members : { ...members, ...endMembers(end) });
}

export function auditBody(audit: AuditFields): string {
  return (
    `{"action":${quote(audit.action)}` +
    member("actor", audit.actor) +
    member("namespaceId", audit.namespaceId) +
    member("target", audit.target) +
    member("correlationId", audit.correlationId) +
    member("clientAddress", audit.clientAddress) +
    `,"detail":${audit.detailJson}}`
  );
}

export function checkpointBody(checkpoint: CheckpointFields): string {
  return (
    `{"atSequence":${checkpoint.atSequence},"atLink":${quote(checkpoint.atLink)}` +
    `,"keyId":${quote(checkpoint.keyId)},"signature":${quote(checkpoint.signature)}}`
  );
}

/** Of a record of the journal's own. */
export function ownBody(action: string, detail: object): string {
  const none = undefined;
  return auditBody({
    action,
    actor: none,
    namespaceId: none,
    target: none,
    correlationId: none,
    clientAddress: none,
    detailJson: JSON.stringify(detail),
  });
}
