import type { ClaimMapping } from "../model/claim-mapping.ts";
import type { IdentityProvider } from "../model/identity-provider.ts";
import type { AccessEffect, PolicyRule } from "../model/policy.ts";
import type { ContentLevel, Durability } from "../model/ports/journal.ts";
import type { Role } from "../model/principal.ts";
import type { ServerDefinition } from "../model/server.ts";
import type { LimitEntry } from "./limit-rate.ts";

export type Mode = "development" | "production" | "test";
/** `api` serves clients, `worker` does background duties, `all` both. */
export type ProcessRole = "all" | "api" | "worker";

/**
 * Everything the process was told, checked and complete; never changed. Durations are milliseconds, sizes bytes, paths
 * absolute. `docs/configuration.md` explains each under its name in the file.
 */
export interface Settings {
  readonly mode: Mode;
  readonly role: ProcessRole;
  /** Processes that share the port. */
  readonly workers: number;
  readonly cluster: { readonly advertiseUrl: string | undefined };
  /** The file it was read from; undefined where there is none. */
  readonly configPath: string | undefined;
  readonly dataDir: string;
  /** The Unix socket on which a running gateway takes the command line's requests. */
  readonly adminSocketPath: string;
  readonly secrets: SecretSettings;
  readonly server: ListenerSettings;
  /** Servers of the file, disabled ones left out. */
  readonly servers: readonly ServerEntry[];
  /** What a server runs by that says nothing else itself. */
  readonly serverDefaults: ServerDefaults;
  readonly namespaces: readonly NamespaceEntry[];
  readonly policies: PolicySettings;
  readonly auth: AuthSettings;
  /** Identity providers; none where they are switched off. */
  readonly providers: readonly IdentityProvider[];
  readonly store: StoreSettings;
  readonly redis: { readonly url: string | undefined; readonly prefix: string };
  readonly rateLimits: RateLimitSettings;
  readonly audit: AuditSettings;
  readonly logging: {
    readonly level: "debug" | "info" | "warn" | "error";
    readonly format: "json" | "text";
  };
  readonly limits: LimitSettings;
  readonly cors: { readonly allowedOrigins: readonly string[]; readonly maxAgeMs: number };
  /** Entries as `net/outbound-guard` takes them. */
  readonly outbound: { readonly allow: readonly string[] };
  readonly telemetry: {
    readonly listen: { readonly host: string; readonly port: number } | undefined;
    readonly operatorToken: string | undefined;
    readonly seriesMax: number;
  };
  readonly features: {
    readonly demo: boolean;
    readonly documentation: boolean;
    readonly metrics: boolean;
  };
}

export interface AuthSettings {
  readonly anonymous: { readonly role: Role; readonly namespace: string } | undefined;
  /** What claims are worth; `undefined` where the file says nothing of it. */
  readonly claimMapping: ClaimMapping | undefined;
}

export interface SecretSettings {
  /** Each 32 bytes or more in base64 or hex; the first seals, all open. Empty only where one is still to be generated. */
  readonly masterKeys: readonly string[];
  /** Where development keeps the key it generated: one line, mode 0600. */
  readonly generatedKeyPath: string;
  readonly bootstrapKey: string | undefined;
}

export interface ListenerSettings {
  /** Without a slash at the end. With `port: 0` and no `server.url` its port is 0 until the port is known. */
  readonly url: string;
  /** False where `url` was made from host and port. */
  readonly urlGiven: boolean;
  readonly host: string;
  readonly port: number;
  readonly loopback: boolean;
  readonly allowedHosts: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly tls: { readonly certPath: string; readonly keyPath: string } | undefined;
  readonly shutdownDelayMs: number;
  readonly shutdownDrainMs: number;
}

/** A server as configured, before it has ids; see `ServerDefinition` for what each means. */
export interface ServerEntry
  extends Omit<ServerDefinition, "id" | "organizationId" | "namespaceId" | "source" | "fingerprint"> {
  /** Slug of its namespace. */
  readonly namespace: string;
}

export type ServerDefaults = Pick<
  ServerDefinition,
  "timeoutMs" | "maxRetries" | "maxConcurrency" | "heartbeatMs" | "refreshIntervalMs"
>;

export interface PolicySettings {
  /** Where an organisation has policies and none of them decides. */
  readonly defaultEffect: AccessEffect;
  readonly rules: readonly PolicyEntry[];
}

/** A policy of the file, before it has an id. */
export interface PolicyEntry extends PolicyRule {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly description: string;
  readonly priority: number;
}

export interface NamespaceEntry {
  readonly slug: string;
  readonly description: string;
  readonly separator: string;
}

export type StoreSettings = (
  | { readonly kind: "sqlite"; readonly path: string }
  | {
      readonly kind: "postgres";
      readonly url: string;
      readonly poolMax: number;
      readonly connectTimeoutMs: number;
      readonly idleTimeoutMs: number;
      readonly statementTimeoutMs: number;
    }
) & {
  /** A start brings the schema up to date by itself. */
  readonly migrates: boolean;
};

export interface AuditSettings {
  readonly durability: Durability;
  readonly waitsForStore: boolean;
  /** The most, whatever a server says; each may say for itself where it is absent. */
  readonly content: ContentLevel | undefined;
  readonly contentBytesMax: number;
  readonly secretNames: readonly string[];
  readonly secretPaths: readonly string[];
  /** 0 keeps records for ever. */
  readonly retentionMs: number;
  readonly journalDir: string;
  readonly segmentBytesMax: number;
  readonly journalBytesMax: number;
  /** How long delivered files stay. */
  readonly journalRetainMs: number;
}

export interface RateLimitSettings {
  readonly rules: readonly LimitEntry[];
  readonly defaults: readonly LimitEntry[];
  /** Least number of processes that count side by side. */
  readonly processes: number;
}

export interface LimitSettings {
  readonly bodyBytesMax: number;
  readonly resultBytesMax: number;
  readonly jsonDepthMax: number;
  readonly jsonItemsMax: number;
  readonly batchMax: number;
  readonly requestTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly idleConnectionMs: number;
  readonly concurrentRequestsMax: number;
  readonly sessionsMax: number;
  readonly sessionsPerPrincipalMax: number;
  readonly sessionIdleMs: number;
  readonly parkedCalls: {
    readonly callsMax: number;
    readonly callsPerPrincipalMax: number;
    readonly lifeMs: number;
  };
  readonly streamsMax: number;
  readonly streamsPerPrincipalMax: number;
  readonly failedAuthPerMinuteMax: number;
}
