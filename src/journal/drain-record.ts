import type { CallContent, OutcomeStatus } from "../model/ports/journal.ts";
import type {
  AuditFields,
  CallEndFields,
  CallFields,
  CallRow,
  ChainLink,
  CheckpointFields,
  DrainedRecord,
} from "../model/ports/record-sink.ts";
import { timeInUuid } from "../model/uuid-time.ts";
import { auditBody, callBody, checkpointBody, contentBody, outcomeBody } from "./body.ts";
import type { Line } from "./line.ts";
import { PackedCall } from "./packed-record.ts";

type CallPayload = CallFields & Partial<CallEndFields>;
type EndPayload = CallEndFields & { readonly callId: string };
type AuditPayload = Omit<AuditFields, "detailJson">;

/** A line as the row a store keeps; throws where the payload is not of its kind. `undefined` for an expired payload. */
export function rowOf(line: Line): DrainedRecord | undefined {
  const { link, bodyBytes } = line;
  if (bodyBytes === undefined) return undefined;
  const text = Buffer.from(bodyBytes.buffer, bodyBytes.byteOffset, bodyBytes.length).toString("utf8");
  switch (link.kind) {
    case "call_intent":
    case "call_refused":
      return callRow(JSON.parse(text) as CallPayload, link);
    case "call_outcome": {
      const end = JSON.parse(text) as EndPayload;
      return {
        row: "call_end",
        id: end.callId,
        startedAt: timeInUuid(end.callId, link.time),
        end: endOf(end),
        link,
      };
    }
    case "call_content": {
      const { callId, part, level, bytes, sealed } = JSON.parse(text) as CallContent;
      const startedAt = timeInUuid(callId, link.time);
      return { row: "content", id: callId, startedAt, content: { part, level, bytes, sealed }, link };
    }
    case "checkpoint":
      return {
        row: "checkpoint",
        id: `${link.chainId}:${link.sequence}`,
        checkpoint: JSON.parse(text) as CheckpointFields,
        link,
      };
    default:
      return { row: "audit", id: `${link.chainId}:${link.sequence}`, audit: auditOf(text), link };
  }
}

function callRow(payload: CallPayload, link: ChainLink): CallRow {
  const { callId } = payload;
  const isRefusal = link.kind === "call_refused";
  return {
    row: "call",
    id: callId,
    startedAt: timeInUuid(callId, link.time),
    call: {
      callId,
      correlationId: payload.correlationId,
      principalId: payload.principalId,
      principalName: payload.principalName,
      namespaceId: payload.namespaceId,
      method: payload.method,
      serverId: payload.serverId,
      serverName: payload.serverName,
      servedBy: payload.servedBy,
      target: payload.target,
      argumentsDigest: payload.argumentsDigest,
      clientAddress: payload.clientAddress,
      clientName: payload.clientName,
      era: payload.era,
      traceId: payload.traceId,
    },
    link,
    end: isRefusal ? endOf(payload) : undefined,
    endLink: undefined,
  };
}

function endOf(payload: Partial<CallEndFields>): CallEndFields {
  return {
    status: payload.status ?? ("unknown" satisfies OutcomeStatus),
    errorCode: payload.errorCode,
    durationMs: payload.durationMs ?? 0,
    resultBytes: payload.resultBytes ?? 0,
  };
}

const detailMark = ',"detail":';

function auditOf(text: string): AuditFields {
  // The members before `detail` are strings, in which the mark cannot occur unescaped: its first place is its own.
  const at = text.indexOf(detailMark);
  const members = JSON.parse(`${text.slice(0, at)}}`) as AuditPayload;
  return {
    action: members.action,
    actor: members.actor,
    namespaceId: members.namespaceId,
    target: members.target,
    correlationId: members.correlationId,
    clientAddress: members.clientAddress,
    detailJson: text.slice(at + detailMark.length, -1),
  };
}

/** The payload text that a row's digest was taken over. */
export function bodyOfRow(row: DrainedRecord): string {
  switch (row.row) {
    case "call":
      return row.link.kind === "call_refused" ? callBody(row.call, row.end) : callBody(row.call);
    case "call_end":
      return outcomeBody(row.id, row.end);
    case "content":
      return contentBody({ callId: row.id, ...row.content });
    case "audit":
      return auditBody(row.audit);
    case "checkpoint":
      return checkpointBody(row.checkpoint);
  }
}

/** Rows of one batch, in order, each outcome put into its call's row where that is in the batch too. */
export class MergedRows {
  readonly rows: DrainedRecord[] = [];
  readonly #places = new Map<string, number>();

  add(row: DrainedRecord): void {
    if (row.row === "call_end") {
      const place = this.#places.get(row.id);
      const call = place === undefined ? undefined : this.rows[place];
      if (place !== undefined && call?.row === "call") {
        this.#places.delete(row.id);
        this.rows[place] =
          call instanceof PackedCall ? call.close(row) : { ...call, end: row.end, endLink: row.link };
        return;
      }
    } else if (row.row === "call" && row.end === undefined) {
      this.#places.set(row.id, this.rows.length);
    }
    this.rows.push(row);
  }
}
