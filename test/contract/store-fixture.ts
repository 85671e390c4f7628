import { randomBytes } from "node:crypto";
import type { ContentRow, DrainedRecord } from "../../src/model/ports/record-sink.ts";
import type { NewApiKey, NewServer, OperatedStore } from "../../src/model/ports/store.ts";
import type { SessionRecord } from "../../src/model/session-record.ts";

export const id = (): string => Bun.randomUUIDv7();

/** An organisation with its namespace `default`. */
export async function tenant(store: OperatedStore, slug = `t-${id().slice(24)}`) {
  const organization = await store.organizations.create({ id: id(), slug, name: slug });
  const namespace = await store.namespaces.create({
    id: id(),
    organizationId: organization.id,
    slug: "default",
    name: "Default",
  });
  return { organization, namespace, organizationId: organization.id, namespaceId: namespace.id };
}
export type Tenant = Awaited<ReturnType<typeof tenant>>;

export function newKey(organizationId: string, over: Partial<NewApiKey> = {}): NewApiKey {
  return {
    id: id(),
    organizationId,
    namespaceId: null,
    userId: null,
    name: "ci",
    type: "user",
    role: "user",
    platformAdmin: false,
    permissions: ["github:*"],
    prefix: "mgw_abcdefgh",
    hash: randomBytes(32).toString("base64url"),
    expiresAt: null,
    createdBy: null,
    ...over,
  };
}

export function newServer(
  { organizationId, namespaceId }: Tenant,
  name: string,
  over: Partial<NewServer> = {},
) {
  return { id: id(), organizationId, namespaceId, name, protocol: "streamable-http", ...over };
}

export function newSession(
  { organizationId, namespaceId }: Tenant,
  over: Partial<SessionRecord> = {},
): SessionRecord {
  const now = Date.now();
  return {
    id: id(),
    organizationId,
    namespaceId,
    serverId: null,
    status: "active",
    protocol: "streamable-http",
    protocolVersion: "2025-11-25",
    clientId: "inspector 1.0",
    connectionId: null,
    principalId: `key:${id()}`,
    userId: null,
    logLevel: null,
    subscriptions: [],
    upstreamSessions: {},
    startedAt: now,
    lastActivityAt: now,
    endedAt: null,
    ...over,
  };
}

const hex = () => randomBytes(32).toString("hex");
type Call = Extract<DrainedRecord, { row: "call" }>;
type CallEnd = Extract<DrainedRecord, { row: "call_end" }>;
type Audit = Extract<DrainedRecord, { row: "audit" }>;
type Link = Call["link"];

/** Records of one chain, as the journal hands them over. */
export class Chain {
  readonly chainId = id();
  #sequence = 0;

  link(tenant: string, kind: Link["kind"], time = Date.now()): Link {
    const sequence = ++this.#sequence;
    const salt = randomBytes(16).toString("hex");
    return {
      chainId: this.chainId,
      sequence,
      previous: hex(),
      time,
      tenant,
      kind,
      digest: hex(),
      link: hex(),
      salt,
    };
  }

  call(tenant: Tenant, startedAt = Date.now()): Call {
    const callId = Bun.randomUUIDv7("hex", startedAt);
    return {
      row: "call",
      id: callId,
      startedAt,
      call: {
        callId,
        correlationId: id(),
        principalId: `key:${id()}`,
        principalName: "mgw_abcdefgh",
        namespaceId: tenant.namespaceId,
        method: "tools/call",
        serverId: id(),
        serverName: "github",
        servedBy: "github-v2",
        target: "create_issue",
        argumentsDigest: hex(),
        clientAddress: "127.0.0.1",
        clientName: undefined,
        era: "modern",
        traceId: undefined,
      },
      link: this.link(tenant.organizationId, "call_intent", startedAt),
      end: undefined,
      endLink: undefined,
    };
  }

  end({ id, startedAt, link }: Call): CallEnd {
    return {
      row: "call_end",
      id,
      startedAt,
      end: { status: "ok", errorCode: undefined, durationMs: 12.345, resultBytes: 3_000_000_000 },
      link: this.link(link.tenant, "call_outcome"),
    };
  }

  content({ id, startedAt, link }: Call, part: ContentRow["content"]["part"]): ContentRow {
    const content = { part, level: "full", bytes: 3_000_000_000, sealed: "c2VhbGVk" } as const;
    return { row: "content", id, startedAt, content, link: this.link(link.tenant, "call_content") };
  }

  audit(
    organizationId: string,
    detailJson = '{"b":1,"a":1.0}',
    over: Partial<Audit["audit"]> = {},
    time = Date.now(),
  ): Audit {
    const link = this.link(organizationId, "admin", time);
    return {
      row: "audit",
      id: `${link.chainId}:${link.sequence}`,
      audit: {
        action: "server.create",
        actor: "key:x",
        namespaceId: undefined,
        target: "github",
        correlationId: undefined,
        clientAddress: undefined,
        detailJson,
        ...over,
      },
      link,
    };
  }

  checkpoint(): DrainedRecord {
    const link = this.link("", "checkpoint" as Link["kind"]);
    return {
      row: "checkpoint",
      id: `${link.chainId}:${link.sequence}`,
      checkpoint: {
        atSequence: link.sequence - 1,
        atLink: hex(),
        keyId: "0123456789abcdef",
        signature: "c2ln",
      },
      link,
    };
  }
}
