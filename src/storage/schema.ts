import type { ColumnType } from "kysely";
import type { ApiKeyType } from "../model/api-key.ts";
import type { ClaimMapping } from "../model/claim-mapping.ts";
import type { LimitAlgorithm, LimitMatch, QuotaPeriod } from "../model/limit-rule.ts";
import type { PolicyRule } from "../model/policy.ts";
import type { Role } from "../model/principal.ts";
import type { SessionStatus } from "../model/session-record.ts";

/**
 * The tables as the queries see them, in both dialects alike: names are camel case here and snake case in the store;
 * times go in as `Date` and come out as milliseconds since the epoch; JSON and flags come out parsed (`column.ts`).
 */
export interface Schema {
  configState: ConfigStateTable;
  settings: SettingTable;
  leases: LeaseTable;
  peers: PeerTable;
  idempotencyKeys: IdempotencyKeyTable;
  organizations: OrganizationTable;
  namespaces: NamespaceTable;
  apiKeys: ApiKeyTable;
  users: UserTable;
  tokenFamilies: TokenFamilyTable;
  signingKeys: SigningKeyTable;
  externalIdentities: ExternalIdentityTable;
  clientKeySets: ClientKeySetTable;
  usedAssertions: UsedAssertionTable;
  mcpServers: ServerTable;
  policies: PolicyTable;
  claimMappings: ClaimMappingTable;
  routingPolicies: PolicyTable;
  mcpSessions: SessionTable;
  rateLimits: RateLimitTable;
  rateLimitUsage: RateLimitUsageTable;
  limitProcesses: LimitProcessTable;
  limitResets: LimitResetTable;
  signInFailures: SignInFailureTable;
  requestLogs: RequestLogTable;
  /** SQLite: the same with its computed columns, to be read alone. */
  requestCalls: RequestLogTable;
  requestContents: RequestContentTable;
  auditLogs: AuditLogTable;
  auditChains: AuditChainTable;
  auditCheckpoints: AuditCheckpointTable;
}

export type Time = ColumnType<number, Date, Date>;
export type OptionalTime = ColumnType<number | null, Date | null, Date | null>;
/** Immutable once written. */
type Fixed<T> = ColumnType<T, T, never>;
type JsonMap = Readonly<Record<string, unknown>>;

interface Stamped {
  createdAt: ColumnType<number, Date, never>;
  updatedAt: Time;
}
interface ConfigStateTable {
  id: Fixed<number>;
  configVersion: number;
  credentialVersion: number;
}
interface SettingTable {
  name: Fixed<string>;
  value: string;
  isSealed: boolean;
  updatedAt: Time;
}
interface LeaseTable {
  name: Fixed<string>;
  holder: string;
  generation: number;
  expiresAt: Time;
}
interface PeerTable {
  id: Fixed<string>;
  replica: Fixed<string>;
  address: Fixed<string | null>;
  socketPath: Fixed<string | null>;
  seenAt: Time;
}
interface IdempotencyKeyTable {
  id: Fixed<string>;
  organizationId: Fixed<string>;
  principalId: Fixed<string>;
  name: Fixed<string>;
  digest: Fixed<string>;
  /** Sealed; null until there is one. */
  answer: string | null;
  createdAt: Time;
}
interface OrganizationTable extends Stamped {
  id: Fixed<string>;
  slug: string;
  name: string;
  plan: string;
  maxServers: number;
  maxSessions: number;
  logRetentionDays: number;
  isActive: boolean;
  configVersion: number;
}
interface NamespaceTable extends Stamped {
  id: Fixed<string>;
  organizationId: Fixed<string>;
  slug: string;
  name: string;
  description: string;
  separator: string;
  metadata: JsonMap;
}
interface ApiKeyTable extends Stamped {
  id: Fixed<string>;
  organizationId: Fixed<string>;
  namespaceId: Fixed<string | null>;
  userId: Fixed<string | null>;
  name: string;
  type: Fixed<ApiKeyType>;
  role: Role;
  platformAdmin: boolean;
  permissions: readonly string[];
  prefix: Fixed<string>;
  hash: Fixed<string>;
  expiresAt: OptionalTime;
  lastUsedAt: OptionalTime;
  isActive: boolean;
  revokedAt: OptionalTime;
  createdBy: Fixed<string | null>;
}
interface UserTable extends Stamped {
  id: Fixed<string>;
  organizationId: Fixed<string>;
  username: string;
  usernameLower: string;
  email: string | null;
  emailLower: string | null;
  passwordHash: string | null;
  role: Role;
  platformAdmin: boolean;
  permissions: readonly string[];
  isActive: boolean;
  emailVerified: boolean;
  mustChangePassword: boolean;
  lastLoginAt: OptionalTime;
}
interface TokenFamilyTable {
  id: Fixed<string>;
  organizationId: Fixed<string>;
  userId: Fixed<string>;
  generation: number;
  createdAt: ColumnType<number, Date, never>;
  lastUsedAt: Time;
  expiresAt: Time;
  revokedAt: OptionalTime;
}
interface SigningKeyTable {
  id: Fixed<string>;
  publicKey: Fixed<string>;
  privateKey: string;
  createdAt: ColumnType<number, Date, never>;
  retiresAt: Time;
}
interface ExternalIdentityTable {
  id: Fixed<string>;
  organizationId: Fixed<string>;
  userId: Fixed<string>;
  issuer: Fixed<string>;
  subject: Fixed<string>;
  createdAt: ColumnType<number, Date, never>;
}
interface ClientKeySetTable {
  apiKeyId: Fixed<string>;
  jwks: JsonMap;
  createdAt: Time;
}
interface UsedAssertionTable {
  id: Fixed<string>;
  expiresAt: Time;
}
interface ServerTable extends Stamped {
  id: Fixed<string>;
  organizationId: Fixed<string>;
  namespaceId: Fixed<string>;
  name: string;
  description: string;
  protocol: string;
  url: string | null;
  command: string | null;
  args: readonly string[];
  /** Sealed JSON, as are the two others. */
  environment: string | null;
  headers: string | null;
  auth: string | null;
  workingDir: string | null;
  version: string | null;
  tags: readonly string[];
  metadata: JsonMap;
  settings: JsonMap;
  status: string;
  healthCheckUrl: string | null;
  timeoutSeconds: number;
  maxRetries: number;
  isActive: boolean;
  createdBy: Fixed<string | null>;
}
interface RateLimitTable extends Stamped {
  id: Fixed<string>;
  organizationId: Fixed<string>;
  namespaceId: string | null;
  name: string;
  description: string;
  /** Dimensions joined by `+`. */
  scope: string;
  /** Of the first form of the table; unused. */
  target: string | null;
  algorithm: LimitAlgorithm;
  limitCount: number;
  windowSeconds: number;
  filters: LimitMatch;
  burst: number | null;
  period: QuotaPeriod | null;
  resetAt: OptionalTime;
  isActive: boolean;
  createdBy: Fixed<string | null>;
}
interface RateLimitUsageTable {
  ruleId: Fixed<string>;
  subject: Fixed<string>;
  period: Fixed<QuotaPeriod>;
  periodStart: Time;
  organizationId: Fixed<string | null>;
  admitted: number;
  refused: number;
  updatedAt: Time;
}
interface LimitProcessTable {
  id: Fixed<string>;
  expiresAt: Time;
}
interface LimitResetTable {
  id: Fixed<string>;
  ruleId: Fixed<string>;
  subject: Fixed<string | null>;
  at: Time;
}
interface SignInFailureTable {
  subject: Fixed<string>;
  startedAt: Time;
  failures: number;
}
interface PolicyTable extends Stamped {
  id: Fixed<string>;
  organizationId: Fixed<string>;
  namespaceId: Fixed<string | null>;
  name: string;
  description: string;
  rules: PolicyRule;
  priority: number;
  isActive: boolean;
  createdBy: Fixed<string | null>;
}
interface ClaimMappingTable extends Stamped {
  organizationId: Fixed<string>;
  rules: ClaimMapping;
}
interface SessionTable {
  id: Fixed<string>;
  organizationId: Fixed<string>;
  namespaceId: Fixed<string>;
  serverId: Fixed<string | null>;
  status: SessionStatus;
  protocol: Fixed<string>;
  protocolVersion: Fixed<string>;
  clientId: Fixed<string | null>;
  connectionId: string | null;
  principalId: Fixed<string>;
  userId: Fixed<string | null>;
  logLevel: string | null;
  subscriptions: readonly string[];
  upstreamSessions: Readonly<Record<string, string>>;
  startedAt: Time;
  lastActivityAt: Time;
  endedAt: OptionalTime;
}

/** Read through Kysely, written by `record-sink.ts`; see `record-columns.ts` for what each column holds. */
interface RequestLogTable {
  id: Fixed<string>;
  startedAt: Time;
  organizationId: string | null;
  namespaceId: string | null;
  correlationId: string | null;
  principalId: string | null;
  principalName: string | null;
  method: string | null;
  serverId: string | null;
  serverName: string | null;
  target: string | null;
  argumentsDigest: string | null;
  clientAddress: string | null;
  clientName: string | null;
  era: string | null;
  traceId: string | null;
  servedBy: string | null;
  status: string | null;
  errorCode: string | null;
  durationMs: number | null;
  resultBytes: number | null;
  chainId: string;
  chainSeq: number;
  endChainId: string | null;
  endChainSeq: number | null;
  /** PostgreSQL: packed by `record-columns.ts`. */
  link: string;
  salt: string | null;
  endLink: string | null;
  endSalt: string | null;
  /** SQLite: all from `namespaceId` to `traceId` as JSON, from which those are computed; and the links in parts. */
  place: Fixed<number>;
  payload: Uint8Array;
  loggedAt: Time;
  proof: Uint8Array;
  endLoggedAt: OptionalTime;
  endProof: Uint8Array | null;
}
interface RequestContentTable {
  /** Of the call. */
  id: string;
  startedAt: Time;
  chainId: string;
  chainSeq: number;
  organizationId: string | null;
  part: string | null;
  level: string | null;
  textBytes: number | null;
  sealed: string | null;
  link: string;
  salt: string | null;
}
interface AuditLogTable {
  chainId: string;
  chainSeq: number;
  loggedAt: Time;
  organizationId: string | null;
  namespaceId: string | null;
  action: string | null;
  actor: string | null;
  actorName: string | null;
  target: string | null;
  /** These two and `actorName` are of the detail, for whoever looks for them (`model/event-facets.ts`). */
  status: string | null;
  errorCode: string | null;
  correlationId: string | null;
  clientAddress: string | null;
  /** The exact text the chain covers: never parsed by the store. */
  detailText: string | null;
  link: string;
  salt: string | null;
}
interface AuditChainTable {
  chainId: Fixed<string>;
  headSeq: number;
  headLink: string;
  updatedAt: Time;
}
interface AuditCheckpointTable {
  chainId: Fixed<string>;
  chainSeq: Fixed<number>;
  signedSeq: Fixed<number>;
  signedLink: Fixed<string>;
  signingKeyId: Fixed<string>;
  signature: Fixed<string>;
  link: Fixed<string>;
  salt: Fixed<string | null>;
}
