import type { RecordKind } from "../model/ports/journal.ts";
import {
  type CallEndFields,
  type CallEndRow,
  type CallFields,
  type CallRow,
  type ChainLink,
  proofParts,
} from "../model/ports/record-sink.ts";

const utf8 = new TextDecoder();

/** A link whose hashes are bytes, made text only for whoever asks. */
export class PackedLink implements ChainLink {
  readonly chainId: string;
  readonly sequence: number;
  readonly time: number;
  readonly tenant: string;
  readonly kind: RecordKind;
  readonly proof: Uint8Array;

  constructor(head: Omit<ChainLink, "previous" | "digest" | "link" | "salt">, proof: Uint8Array) {
    this.chainId = head.chainId;
    this.sequence = head.sequence;
    this.time = head.time;
    this.tenant = head.tenant;
    this.kind = head.kind;
    this.proof = proof;
  }
  get previous(): string {
    return this.#hex(proofParts.previous);
  }
  get digest(): string {
    return this.#hex(proofParts.digest);
  }
  get link(): string {
    return this.#hex(proofParts.link);
  }
  get salt(): string {
    return this.#hex(proofParts.salt);
  }
  #hex([from, to]: readonly [number, number]): string {
    return this.proof.subarray(from, to).toHex();
  }
  toJSON(): ChainLink {
    const { chainId, sequence, previous, time, tenant, kind, digest, link, salt } = this;
    return { chainId, sequence, previous, time, tenant, kind, digest, link, salt };
  }
}

/** A call whose fields are still JSON. Its outcome is put into it by `close`. */
export class PackedCall implements CallRow {
  readonly row = "call";
  readonly id: string;
  readonly startedAt: number;
  readonly link: ChainLink;
  readonly payload: Uint8Array;
  end: CallEndFields | undefined;
  endLink: ChainLink | undefined;

  constructor(id: string, startedAt: number, link: ChainLink, payload: Uint8Array) {
    this.id = id;
    this.startedAt = startedAt;
    this.link = link;
    this.payload = payload;
  }
  /** Parsed at each look. */
  get call(): CallFields {
    return callOfPayload(this.id, this.payload);
  }
  close({ end, link }: CallEndRow): this {
    this.end = end;
    this.endLink = link;
    return this;
  }
  toJSON(): CallRow {
    const { row, id, startedAt, call, link, end, endLink } = this;
    return { row, id, startedAt, call, link, end, endLink };
  }
}

function callOfPayload(callId: string, payload: Uint8Array): CallFields {
  const fields = JSON.parse(utf8.decode(payload)) as Omit<CallFields, "callId">;
  return {
    callId,
    correlationId: fields.correlationId,
    principalId: fields.principalId,
    principalName: fields.principalName,
    namespaceId: fields.namespaceId,
    method: fields.method,
    serverId: fields.serverId,
    serverName: fields.serverName,
    servedBy: fields.servedBy,
    target: fields.target,
    argumentsDigest: fields.argumentsDigest,
    clientAddress: fields.clientAddress,
    clientName: fields.clientName,
    era: fields.era,
    traceId: fields.traceId,
  };
}
