import type { ContentLevel } from "./ports/journal.ts";

/** One MCP server behind the gateway, as configured; immutable. Durations are milliseconds. */
export interface ServerDefinition {
  /** UUID; UUIDv5 of `organisation/namespace/name` for servers of the configuration file. */
  readonly id: string;
  readonly organizationId: string;
  readonly namespaceId: string;
  /** `[a-z0-9-]{1,32}`. */
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly version: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly connection: HttpConnectionSettings | StdioConnectionSettings;
  /** The whole call, default 300 s. */
  readonly timeoutMs: number;
  /** Retries after a refused or failed connect (and of tools marked safe), default 3. */
  readonly maxRetries: number;
  /** Calls under way at once, default 100; one more is refused with `server_busy`. */
  readonly maxConcurrency: number;
  /** Interval of liveness checks; 0 switches them off. */
  readonly heartbeatMs: number;
  /** Interval of re-reading the lists. */
  readonly refreshIntervalMs: number;
  readonly sharing: Sharing;
  readonly protocol: "auto" | "modern" | "legacy";
  readonly validate: "enforce" | "report" | "off";
  readonly expose: {
    readonly tools: ExposeFilter;
    readonly resources: ExposeFilter;
    readonly prompts: ExposeFilter;
  };
  readonly retry: {
    /** Tools, by own name or glob, that may be run twice. */
    readonly safeTools: readonly string[];
    /** Believe the server's `readOnlyHint` and `idempotentHint`. */
    readonly trustAnnotations: boolean;
  };
  /** What is kept of what is said in its calls; absent: what the configuration says of all. */
  readonly auditContent?: ContentLevel | undefined;
  readonly source: "file" | "store" | "demo";
  /** Set where a route has another server serve what is called by this name. */
  readonly servedBy?: ServedBy | undefined;
  /** Changes when any setting that needs a new connection changes. */
  readonly fingerprint: string;
}

export interface ServedBy {
  /** `undefined` where there is no such server, or the route cannot be decided: then nobody serves. */
  readonly id: string | undefined;
  readonly name: string;
}

/** Who may share one legacy session: everybody, one principal, or one client session. */
export type Sharing = "shared" | "per_principal" | "per_session";

/** Globs over own names (URIs for resources); no include means all. */
export interface ExposeFilter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

export interface HttpConnectionSettings {
  readonly type: "streamable-http" | "sse";
  readonly url: string;
  /** Outbound credential; never logged. */
  readonly auth: { readonly header: string; readonly value: string } | undefined;
  /** Further fixed request headers. */
  readonly headers: Readonly<Record<string, string>>;
}
export interface StdioConnectionSettings {
  readonly type: "stdio";
  readonly command: string;
  readonly args: readonly string[];
  /** Added to PATH, HOME, LANG and TMPDIR; nothing else of the gateway's environment is passed on. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDir: string | undefined;
}
