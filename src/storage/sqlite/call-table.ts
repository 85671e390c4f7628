import { sql } from "kysely";
import {
  type CallEndFields,
  type CallFields,
  type CallRow,
  type ChainLink,
  proofBytes,
  proofParts,
} from "../../model/ports/record-sink.ts";
import {
  type CallColumns,
  type CallTable,
  endOf,
  expiredStatus,
  nearMax,
  type StoredCall,
} from "../call-table.ts";

const utf8 = new TextDecoder();

/** Written by every end, near or far. */
export const endColumns = [
  "status",
  "error_code",
  "duration_ms",
  "result_bytes",
  "end_chain_id",
  "end_chain_seq",
  "end_logged_at",
  "end_proof",
] as const;
export const callColumns = [
  "organization_id",
  "started_at",
  "id",
  "payload",
  "chain_id",
  "chain_seq",
  "logged_at",
  "proof",
  ...endColumns,
] as const;

export type CallValue = string | number | null | Uint8Array;

/** Puts a call's values into `values` from `at` on, in the order of `callColumns`. */
export function putCall(values: CallValue[], at: number, row: CallRow): void {
  const { link, end, endLink } = row;
  values[at] = link.tenant || null;
  values[at + 1] = row.startedAt;
  values[at + 2] = row.id;
  values[at + 3] = row.payload ?? payloadOf(row.call);
  values[at + 4] = link.chainId;
  values[at + 5] = link.sequence;
  values[at + 6] = link.time;
  values[at + 7] = proofOf(link);
  putEnd(values, at + 8, end, endLink, endLink !== undefined && isNear(link, endLink));
}

/** The same for the part that an end writes. */
export function putEnd(
  values: CallValue[],
  at: number,
  end: CallEndFields | undefined,
  link: ChainLink | undefined,
  isNearItsIntent: boolean,
): void {
  values[at] = end?.status ?? null;
  values[at + 1] = end?.errorCode ?? null;
  values[at + 2] = end?.durationMs ?? null;
  values[at + 3] = end?.resultBytes ?? null;
  values[at + 4] = isNearItsIntent ? null : (link?.chainId ?? null);
  values[at + 5] = link?.sequence ?? null;
  values[at + 6] = link?.time ?? null;
  values[at + 7] = link === undefined ? null : proofOf(link);
}

function isNear(link: ChainLink, endLink: ChainLink): boolean {
  const distance = endLink.sequence - link.sequence;
  return endLink.chainId === link.chainId && distance > 0 && distance <= nearMax;
}

function proofOf(link: ChainLink): Uint8Array {
  return link.proof ?? Uint8Array.fromHex(link.previous + link.digest + link.link + (link.salt ?? ""));
}

function payloadOf({ callId: _, ...fields }: CallFields): Uint8Array {
  return Buffer.from(JSON.stringify(fields));
}

function linkOf(
  head: Omit<ChainLink, "previous" | "digest" | "link" | "salt">,
  proof: Uint8Array,
): ChainLink {
  const part = (name: keyof typeof proofParts) => proof.subarray(...proofParts[name]).toHex();
  const salt = proof.length < proofBytes ? undefined : part("salt");
  return { ...head, previous: part("previous"), digest: part("digest"), link: part("link"), salt };
}

/** An outcome has its call's tenant; and a call that ended without an outcome was refused. */
function entryOf(row: CallColumns): StoredCall {
  const { id, startedAt, organizationId, chainId, chainSeq, endChainSeq } = row;
  const tenant = organizationId ?? "";
  const isRefusal = row.status !== null && endChainSeq === null;
  const head = { chainId, sequence: chainSeq, time: row.loggedAt, tenant };
  const link = linkOf({ ...head, kind: isRefusal ? "call_refused" : "call_intent" }, row.proof);
  const endLink =
    endChainSeq === null || row.endLoggedAt === null || row.endProof === null
      ? undefined
      : linkOf(
          {
            chainId: row.endChainId ?? chainId,
            sequence: endChainSeq,
            time: row.endLoggedAt,
            tenant,
            kind: "call_outcome",
          },
          row.endProof,
        );
  const fields = JSON.parse(utf8.decode(row.payload)) as Partial<CallFields>;
  const call = callOf(id, fields);
  return {
    id,
    organizationId: organizationId ?? undefined,
    namespaceId: fields.namespaceId || undefined,
    startedAt,
    link,
    call,
    end: call && endOf(row),
    endLink,
  };
}

function callOf(callId: string, fields: Partial<CallFields>): CallFields | undefined {
  if (fields.method === undefined) return undefined;
  return {
    callId,
    correlationId: fields.correlationId ?? "",
    principalId: fields.principalId ?? "",
    principalName: fields.principalName ?? "",
    namespaceId: fields.namespaceId ?? "",
    method: fields.method,
    serverId: fields.serverId,
    serverName: fields.serverName,
    servedBy: fields.servedBy,
    target: fields.target,
    argumentsDigest: fields.argumentsDigest,
    clientAddress: fields.clientAddress ?? "",
    clientName: fields.clientName,
    era: fields.era ?? "",
    traceId: fields.traceId,
  };
}

const saltAt = proofParts.salt[0];

/** As few values as there can be: at the insert each costs, and so does each index. */
export const sqliteCalls: CallTable = {
  source: "requestCalls",
  stepRows: 5_000,
  columns: [
    "place",
    "organizationId",
    "startedAt",
    "id",
    "payload",
    "chainId",
    "chainSeq",
    "loggedAt",
    "proof",
    "status",
    "errorCode",
    "durationMs",
    "resultBytes",
    "endChainId",
    "endChainSeq",
    "endLoggedAt",
    "endProof",
  ],
  key: ["place"],
  expired: {
    payload: sql<Uint8Array>`cast(json_patch('{}', json_object('namespaceId', cast(payload as text) ->> '$.namespaceId')) as blob)`,
    errorCode: null,
    durationMs: null,
    resultBytes: null,
    // An intent without an outcome stays one; its outcome may still come.
    status: sql<string | null>`case when status is null then null else 'expired' end`,
    proof: sql<Uint8Array>`substr(proof, 1, ${saltAt})`,
    endProof: sql<Uint8Array | null>`substr(end_proof, 1, ${saltAt})`,
  },
  entryOf,
  rowOf: (call) => {
    const { id, startedAt, link, end, endLink } = call;
    const values: CallValue[] = [];
    const content = call.call ?? ({ namespaceId: call.namespaceId } as CallFields);
    putCall(values, 0, { row: "call", id, startedAt, call: content, link, end, endLink });
    const row = Object.fromEntries(callColumns.map((name, at) => [name, values[at] ?? null]));
    return { ...row, status: call.call === undefined ? expiredStatus(call) : (end?.status ?? null) };
  },
};
