import type { ApiKey, ApiKeyIdentity } from "../api-key.ts";
import type { ClaimMapping, ClaimMappingRecord } from "../claim-mapping.ts";
import type { QuotaPeriod } from "../limit-rule.ts";
import type { PolicyRecord } from "../policy.ts";
import type { LimitReset, LimitUsage } from "../rate-limit-record.ts";
import type { SecretsChange, ServerRecord } from "../server-record.ts";
import type { Namespace, Organization } from "../tenancy.ts";
import type { TenantRows } from "../tenant-rows.ts";
import type {
  ApiKeyFilter,
  NamespaceFilter,
  OrganizationFilter,
  PolicyFilter,
  ServerFilter,
} from "./filters.ts";
import type {
  Clients,
  ExternalIdentities,
  SignInFailures,
  SigningKeys,
  TokenFamilies,
  Users,
} from "./identities.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { Records } from "./records.ts";
import type { ChangeOf, PageRequest, RemovalCheck } from "./row.ts";
import type { Sessions } from "./sessions.ts";

/**
 * What the gateway keeps. Every method may throw `GatewayError`: `store_unavailable` (unreachable, locked or too slow:
 * try again), `already_exists` (a unique name is taken), `reference_missing` (a row it names does not exist),
 * `invalid_params` (a value that cannot be stored). Ids are UUIDs made by the caller with `Bun.randomUUIDv7()`.
 * A method that takes an `organizationId` sees rows of that organisation alone; another tenant's row is `undefined`.
 */
export interface Store {
  readonly kind: "sqlite" | "postgres";
  readonly organizations: Organizations;
  readonly namespaces: Namespaces;
  readonly apiKeys: ApiKeys;
  readonly users: Users;
  readonly tokenFamilies: TokenFamilies;
  readonly signInFailures: SignInFailures;
  readonly externalIdentities: ExternalIdentities;
  readonly signingKeys: SigningKeys;
  readonly clients: Clients;
  readonly servers: Servers;
  readonly policies: PolicyRows;
  readonly claimMappings: ClaimMappings;
  readonly sessions: Sessions;
  readonly records: Records;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly rateLimits: RateLimits;
  readonly leases: Leases;
  readonly peers: PeerRows;
  readonly settings: Settings;
  readonly acrossTenants: AcrossTenants;
  /**
   * Writes the first organisation, namespace and key if, and only if, there is no organisation yet; of many processes
   * that try at once exactly one gets `true`.
   */
  bootstrap(seed: BootstrapSeed): Promise<boolean>;
  /** Counters bumped by every write, in its transaction; polled to learn of other processes' changes. One small read. */
  versions(): Promise<Versions>;
  /** Makes the log partitions of the coming days where the store has partitions. Call at start and hourly. */
  maintain(now: number): Promise<void>;
  /** One round trip. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface BootstrapSeed {
  readonly organization: NewOrganization;
  readonly namespace: NewNamespace;
  readonly apiKey: NewApiKey;
}
export interface Versions {
  /** Organisations, namespaces, servers, policies, claim mappings, rate limits. */
  readonly config: number;
  /** Keys, users, sign-ins: on a change, drop cached principals. */
  readonly credentials: number;
}

type Optional<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;
type Stamps = "createdAt" | "updatedAt";

export type NewOrganization = Optional<
  Omit<Organization, Stamps | "configVersion">,
  "plan" | "maxServers" | "maxSessions" | "logRetentionDays" | "isActive"
>;
export type NewNamespace = Optional<Omit<Namespace, Stamps>, "description" | "separator" | "metadata">;
export type NewApiKey = Omit<ApiKey, Stamps | "lastUsedAt" | "isActive" | "revokedAt">;
export type NewServer = Optional<
  Omit<ServerRecord, Stamps | "secrets" | "secretsUnreadable"> & { readonly secrets: SecretsChange | null },
  | "description"
  | "url"
  | "command"
  | "args"
  | "workingDir"
  | "version"
  | "tags"
  | "metadata"
  | "status"
  | "healthCheckUrl"
  | "timeoutSeconds"
  | "maxRetries"
  | "isActive"
  | "settings"
  | "secrets"
  | "createdBy"
>;
export type OrganizationChange = Partial<Omit<NewOrganization, "id">>;
export type NamespaceChange = Partial<Omit<NewNamespace, "id" | "organizationId">>;
export type ApiKeyChange = Partial<Pick<ApiKey, "name" | "role" | "permissions" | "expiresAt" | "isActive">>;
/** `secrets` of `null` takes all away. */
export type ServerChange = Partial<Omit<NewServer, "id" | "organizationId" | "namespaceId" | "createdBy">>;
export type NewPolicy = Omit<PolicyRecord, Stamps>;
export type PolicyChange = Partial<
  Omit<PolicyRecord, Stamps | "id" | "organizationId" | "namespaceId" | "createdBy">
>;

export interface Organizations {
  create(organization: NewOrganization): Promise<Organization>;
  find(id: string): Promise<Organization | undefined>;
  update(id: string, change: ChangeOf<Organization, OrganizationChange>): Promise<Organization | undefined>;
  /** Deletes all that belongs to it too, but its log records. */
  remove(id: string, check?: RemovalCheck<Organization>): Promise<boolean>;
}
export interface Namespaces {
  create(namespace: NewNamespace): Promise<Namespace>;
  find(organizationId: string, id: string): Promise<Namespace | undefined>;
  findBySlug(organizationId: string, slug: string): Promise<Namespace | undefined>;
  list(organizationId: string, page?: PageRequest, filter?: NamespaceFilter): Promise<Namespace[]>;
  update(
    organizationId: string,
    id: string,
    change: ChangeOf<Namespace, NamespaceChange>,
  ): Promise<Namespace | undefined>;
  /** Deletes its servers, sessions and keys too. */
  remove(organizationId: string, id: string, check?: RemovalCheck<Namespace>): Promise<boolean>;
}
export interface ApiKeys {
  create(key: NewApiKey): Promise<ApiKey>;
  find(organizationId: string, id: string): Promise<ApiKey | undefined>;
  list(organizationId: string, page?: PageRequest, filter?: ApiKeyFilter): Promise<ApiKey[]>;
  update(
    organizationId: string,
    id: string,
    change: ChangeOf<ApiKey, ApiKeyChange>,
  ): Promise<ApiKey | undefined>;
  /** The row stays for the record; the key never works again. False where there is no such key or it is revoked already. */
  revoke(organizationId: string, id: string, at: number, check?: RemovalCheck<ApiKey>): Promise<boolean>;
}
export interface Servers {
  /**
   * @throws GatewayError `quota_exceeded` where the organisation has its `maxServers`, as it is in this write, however many
   * are created at once; `not_found` without the organisation
   */
  create(server: NewServer): Promise<ServerRecord>;
  find(organizationId: string, id: string): Promise<ServerRecord | undefined>;
  list(organizationId: string, page?: PageRequest, filter?: ServerFilter): Promise<ServerRecord[]>;
  count(organizationId: string): Promise<number>;
  update(
    organizationId: string,
    id: string,
    change: ChangeOf<ServerRecord, ServerChange>,
  ): Promise<ServerRecord | undefined>;
  remove(organizationId: string, id: string, check?: RemovalCheck<ServerRecord>): Promise<boolean>;
}
export interface PolicyRows {
  create(policy: NewPolicy): Promise<PolicyRecord>;
  find(organizationId: string, id: string): Promise<PolicyRecord | undefined>;
  list(organizationId: string, page?: PageRequest, filter?: PolicyFilter): Promise<PolicyRecord[]>;
  update(
    organizationId: string,
    id: string,
    change: ChangeOf<PolicyRecord, PolicyChange>,
  ): Promise<PolicyRecord | undefined>;
  remove(organizationId: string, id: string, check?: RemovalCheck<PolicyRecord>): Promise<boolean>;
}
/** One of each organisation, or none. */
export interface ClaimMappings {
  find(organizationId: string): Promise<ClaimMappingRecord | undefined>;
  /** @param make the new one, worked out within the write from the one there is; what it throws leaves that alone */
  put(
    organizationId: string,
    make: (before: ClaimMappingRecord | undefined) => ClaimMapping,
  ): Promise<ClaimMappingRecord>;
  /** False where there was none. */
  remove(organizationId: string, check?: RemovalCheck<ClaimMappingRecord>): Promise<boolean>;
}

export interface IdempotencyClaim {
  readonly id: string;
  readonly organizationId: string;
  readonly principalId: string;
  /** As the client named it. */
  readonly name: string;
  /** Of the whole request. */
  readonly digest: string;
  readonly at: number;
}
/** Requests that shall have their effect once. A name belongs to one principal of one organisation. */
export interface IdempotencyKeys {
  /** Of many claims of one name exactly one is `claimed`. */
  claim(
    claim: IdempotencyClaim,
  ): Promise<
    | { readonly state: "claimed" | "unanswered" | "other_request" }
    | { readonly state: "answered"; readonly answer: string }
  >;
  /** Kept sealed. */
  answer(id: string, answer: string): Promise<void>;
  /** Frees a name that has no answer. */
  release(id: string): Promise<void>;
  /** Of all organisations, as one duty. Returns how many. */
  forget(before: number, limit: number): Promise<number>;
}

/** A right held until it runs out, by the store's clock. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  /** Grows with every change of holder: a fencing token. */
  readonly generation: number;
}
export interface Leases {
  /** Takes or renews; `undefined` where another holder's lease still runs. */
  acquire(name: string, holder: string, ttlMs: number): Promise<Lease | undefined>;
  /** False where the lease was lost in the meantime. */
  renew(lease: Lease, ttlMs: number): Promise<boolean>;
  release(lease: Lease): Promise<void>;
}

/** A process that lives, and how the others reach it. */
export interface PeerRecord {
  readonly id: string;
  /** Equal for the processes of one machine, which share a data directory. */
  readonly replica: string;
  /** `cluster.advertise_url`, for processes elsewhere. */
  readonly address: string | null;
  /** For processes of the same replica. */
  readonly socketPath: string | null;
}
export interface PeerRows {
  /** Says that a process lives now, by the store's clock. */
  seen(peer: PeerRecord): Promise<void>;
  living(withinMs: number): Promise<PeerRecord[]>;
  remove(id: string): Promise<void>;
  removeUnseen(sinceMs: number): Promise<void>;
}

export interface Settings {
  find(name: string): Promise<string | undefined>;
  put(name: string, value: string): Promise<void>;
  /**
   * A secret of the whole installation, stored sealed: made by `create` the first time, the same for every process after.
   * @throws GatewayError `internal` where the master key that sealed it is not configured.
   */
  secret(name: string, create: () => string): Promise<string>;
}

/** The queries that see more than one tenant. */
export interface AcrossTenants {
  /** For the configuration compiler and the platform's own administration. */
  organizations(page?: PageRequest, filter?: OrganizationFilter): Promise<Organization[]>;
  /** Organisations changed after a configuration version; those removed are missing from `organizationCount`. */
  organizationsChangedSince(configVersion: number): Promise<string[]>;
  organizationCount(): Promise<number>;
  /** All rows of a few hundred organisations. */
  configurationOf(organizationIds: readonly string[]): Promise<TenantRows>;
  /** Ids of organisations that are gone and have log records still. */
  organizationsRemoved(): Promise<string[]>;
  /** The credential says which tenant it is. */
  apiKeyByHash(hash: string): Promise<ApiKeyIdentity | undefined>;
  /** For tokens exchanged from a key; the same check of who it is. */
  apiKeyById(id: string): Promise<ApiKeyIdentity | undefined>;
  organizationBySlug(slug: string): Promise<Organization | undefined>;
  /** One batch of all tenants' uses. Never moves a time backwards. */
  touchApiKeys(uses: readonly Use[]): Promise<void>;
  touchSessions(uses: readonly Use[]): Promise<void>;
  /** Ids of sessions ended at or after a time: every process forgets them. At most 10,000. */
  sessionsEndedSince(at: number): Promise<string[]>;
  /** Adds what was counted since, and answers the new totals; what belongs to an organisation that is gone is dropped. */
  addLimitUsage(deltas: readonly LimitUsage[]): Promise<LimitUsage[]>;
  /** Totals of some rules in the periods beginning at some times, in order of the rows' key. */
  limitUsage(
    ruleIds: readonly string[],
    periodStarts: readonly number[],
    after?: LimitUsage,
    limit?: number,
  ): Promise<LimitUsage[]>;
  /** Periods that began before a time. Returns how many rows went. */
  forgetLimitUsageBefore(period: QuotaPeriod, before: number): Promise<number>;
  /** Notes a process among those that count limits side by side, for so long, and answers how many there are. */
  countLimitProcess(id: string, ttlMs: number): Promise<number>;
  /** Says to every process what to forget. */
  addLimitReset(reset: LimitReset): Promise<void>;
  /** Those of the last while, by the store's clock. */
  limitResets(withinMs: number): Promise<LimitReset[]>;
  /** Ends active sessions idle since before a time; returns their ids, at most `limit`. */
  expireSessions(idleSince: number, at: number, limit: number): Promise<string[]>;
}
export interface Use {
  readonly id: string;
  readonly at: number;
}

export type MigrationState = {
  readonly name: string;
  /** Milliseconds since the epoch, or `null` where pending. */
  readonly appliedAt: number | null;
};
export interface CopyProgress {
  readonly table: string;
  readonly rows: number;
  readonly tableDone: boolean;
}
/** A store with the acts of its operator. */
export interface OperatedStore extends Store {
  migrations(): Promise<MigrationState[]>;
  /** Applies what is pending, under a lock. Returns the names applied. */
  migrateUp(): Promise<string[]>;
  /** Takes back the newest. Returns its name. */
  migrateDown(): Promise<string | undefined>;
  /** Copies all rows to an empty, migrated store of either kind. @throws GatewayError `conflict` where it is not empty. */
  copyTo(url: string, onProgress?: (progress: CopyProgress) => void): Promise<void>;
  /** Seals everything again with the first master key. Returns how many values changed and how many no key opens. */
  rotateKeys(): Promise<{ readonly resealed: number; readonly unreadable: number }>;
}
