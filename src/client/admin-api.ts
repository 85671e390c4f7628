// Made of the routes of the control plane by scripts/generate-client.mjs; a test compares the two.

export type ApiKey = {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly type: "user" | "a2a";
  readonly role: "admin" | "user" | "viewer" | "api_user";
  readonly platform_admin: boolean;
  readonly permissions: readonly string[];
  readonly namespace: string | null;
  readonly namespace_id: string | null;
  readonly user_id: string | null;
  readonly status: "active" | "inactive" | "revoked" | "expired";
  readonly created_by: string | null;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly updated_at: string;
};

export type CallContent = {
  readonly level: "redacted" | "full";
  readonly bytes: number;
  readonly state: "whole" | "truncated" | "omitted" | "unreadable";
  readonly value: unknown;
  readonly head: string | null;
  readonly digest: string | null;
};

export type CallLogEntry = {
  readonly kind: "call" | "event";
  readonly id: string;
  readonly at: string;
  readonly actor: string | null;
  readonly actor_name: string | null;
  readonly namespace_id: string | null;
  readonly action: string | null;
  readonly server: string | null;
  readonly served_by: string | null;
  readonly target: string | null;
  readonly status: string | null;
  readonly error_code: string | null;
  readonly duration_ms: number | null;
  readonly result_bytes: number | null;
  readonly arguments_digest: string | null;
  readonly client_address: string | null;
  readonly client: string | null;
  readonly correlation_id: string | null;
  readonly trace_id: string | null;
  readonly detail: unknown;
  readonly chain_id: string;
  readonly chain_sequence: number;
  readonly expired: boolean;
  readonly contents: {
    readonly arguments: CallContent | null;
    readonly result: CallContent | null;
    readonly error: CallContent | null;
    readonly answers: readonly CallContent[];
  };
};

export type ClaimMapping = {
  readonly claims: readonly string[] | null;
  readonly mappings: Readonly<Record<string, readonly string[]>>;
  readonly permissions: Readonly<Record<string, readonly string[]>>;
  readonly options: {
    readonly scope_mode: "any" | "all";
    readonly default_scope: string | null;
  };
  readonly source: "organization" | "file" | "none";
  readonly managed: boolean;
  readonly providers: readonly {
    readonly name: string;
    readonly preset: string;
    readonly issuers: readonly string[];
    readonly claims: readonly string[];
    readonly scope_claims: readonly string[];
    readonly signs_in: boolean;
    readonly creates_users: boolean;
  }[];
  readonly created_at: string | null;
  readonly updated_at: string | null;
};

export type ClientToken = {
  readonly access_token: string;
  readonly token_type: "Bearer";
  readonly expires_in: number;
  readonly scope: string;
};

export type IssuedApiKey = {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly type: "user" | "a2a";
  readonly role: "admin" | "user" | "viewer" | "api_user";
  readonly platform_admin: boolean;
  readonly permissions: readonly string[];
  readonly namespace: string | null;
  readonly namespace_id: string | null;
  readonly user_id: string | null;
  readonly status: "active" | "inactive" | "revoked" | "expired";
  readonly created_by: string | null;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly updated_at: string;
  readonly key: string;
};

export type LogEntry = {
  readonly kind: "call" | "event";
  readonly id: string;
  readonly at: string;
  readonly actor: string | null;
  readonly actor_name: string | null;
  readonly namespace_id: string | null;
  readonly action: string | null;
  readonly server: string | null;
  readonly served_by: string | null;
  readonly target: string | null;
  readonly status: string | null;
  readonly error_code: string | null;
  readonly duration_ms: number | null;
  readonly result_bytes: number | null;
  readonly arguments_digest: string | null;
  readonly client_address: string | null;
  readonly client: string | null;
  readonly correlation_id: string | null;
  readonly trace_id: string | null;
  readonly detail: unknown;
  readonly chain_id: string;
  readonly chain_sequence: number;
  readonly expired: boolean;
};

export type Namespace = {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly description: string;
  readonly separator: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly created_at: string;
  readonly updated_at: string;
};

export type OAuthProblem = {
  readonly error: string;
  readonly error_description: string;
  readonly correlation_id: string;
};

export type Organization = {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly plan: string;
  readonly max_servers: number;
  readonly max_sessions: number;
  readonly log_retention_days: number;
  readonly active: boolean;
  readonly created_at: string;
  readonly updated_at: string;
};

export type OrganizationInUse = {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly plan: string;
  readonly max_servers: number;
  readonly max_sessions: number;
  readonly log_retention_days: number;
  readonly active: boolean;
  readonly created_at: string;
  readonly updated_at: string;
  readonly in_use: {
    readonly servers: number;
    readonly sessions: number;
  };
};

export type Policy = {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly namespace: string | null;
  readonly namespace_id: string | null;
  readonly managed: boolean;
  readonly effect: "allow" | "deny" | "route";
  readonly subjects: readonly string[];
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly condition: string | null;
  readonly route: {
    readonly server: string;
  } | null;
  readonly priority: number;
  readonly active: boolean;
  readonly created_at: string | null;
  readonly updated_at: string | null;
};

export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly correlation_id: string;
  readonly data?: Readonly<Record<string, unknown>>;
};

export type Profile = {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly organization_id: string;
  readonly namespace_id: string;
  readonly role: "admin" | "user" | "viewer" | "api_user";
  readonly platform_admin: boolean;
  readonly permissions: readonly string[];
  readonly groups: readonly string[] | null;
  readonly scopes: readonly string[] | null;
  readonly acts: readonly string[];
  readonly expires_at: string | null;
  readonly updated_at: string | null;
  readonly user: {
    readonly id: string;
    readonly username: string;
    readonly email: string | null;
    readonly email_verified: boolean;
    readonly must_change_password: boolean;
    readonly last_login_at: string | null;
  } | null;
};

export type RateLimit = {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly namespace: string | null;
  readonly namespace_id: string | null;
  readonly per: readonly ("ip" | "user" | "key" | "organization" | "namespace" | "endpoint" | "server" | "tool")[];
  readonly match: Readonly<Record<string, readonly string[]>>;
  readonly algorithm: "sliding_window" | "token_bucket" | "fixed_window" | "concurrency" | "quota";
  readonly limit: number;
  readonly window_seconds: number | null;
  readonly burst: number | null;
  readonly period: "day" | "month" | null;
  readonly active: boolean;
  readonly managed: boolean;
  readonly created_at: string | null;
  readonly updated_at: string | null;
};

export type RateLimitUsage = {
  readonly subject: string;
  readonly period: "day" | "month";
  readonly period_start: string;
  readonly admitted: number;
  readonly refused: number;
  readonly used: number | null;
  readonly limit: number;
  readonly resets_in_seconds: number | null;
};

export type Server = {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly namespace_id: string;
  readonly managed: boolean;
  readonly active: boolean;
  readonly description: string;
  readonly type: string;
  readonly url: string | null;
  readonly command: string | null;
  readonly args: readonly string[];
  readonly working_dir: string | null;
  readonly environment_names: readonly string[];
  readonly header_names: readonly string[];
  readonly auth_header: string | null;
  readonly version: string | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly health_check_url: string | null;
  readonly timeout_seconds: number;
  readonly max_retries: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly status: {
    readonly status: "connecting" | "ready" | "failed" | "closed" | "inactive";
    readonly reason: string | null;
    readonly era: string | null;
    readonly revision: string | null;
    readonly breaker: string | null;
    readonly in_flight: number;
    readonly tools: number;
    readonly resources: number;
    readonly prompts: number;
    readonly excluded: readonly {
      readonly kind: string;
      readonly name: string;
      readonly reason: string;
    }[];
  };
  readonly created_at: string | null;
  readonly updated_at: string | null;
};

export type Session = {
  readonly id: string;
  readonly namespace: string | null;
  readonly namespace_id: string;
  readonly server_id: string | null;
  readonly status: "active" | "terminated" | "expired";
  readonly transport: string;
  readonly revision: string;
  readonly client: string | null;
  readonly principal_id: string;
  readonly user_id: string | null;
  readonly log_level: string | null;
  readonly subscriptions: readonly string[];
  readonly started_at: string;
  readonly last_activity_at: string;
  readonly ended_at: string | null;
};

export type Tokens = {
  readonly access_token: string;
  readonly token_type: "Bearer";
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly must_change_password: boolean;
};

export type User = {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly role: "admin" | "user" | "viewer" | "api_user";
  readonly platform_admin: boolean;
  readonly permissions: readonly string[];
  readonly active: boolean;
  readonly has_password: boolean;
  readonly must_change_password: boolean;
  readonly last_login_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
};

/** What each operation takes and answers. */
export interface AdminApi {
  /** The organisation's servers, first those of the configuration file. */
  "servers-list": {
    params: Record<never, never>;
    query: { readonly namespace?: string; readonly type?: "streamable-http" | "sse" | "stdio"; readonly active?: "true" | "false"; readonly status?: "connecting" | "ready" | "failed" | "closed" | "inactive"; readonly search?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly Server[];
      readonly next_cursor: string | null;
    };
  };
  /** Registers a server; it is served at once. Programs (`stdio`) are the platform administrator's to register. */
  "servers-create": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly name: string;
      readonly namespace?: string;
      readonly description?: string;
      readonly type: "streamable-http" | "sse" | "stdio";
      readonly url?: string | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly auth?: {
        readonly type: "none" | "header" | "bearer";
        readonly header?: string;
        readonly value?: string;
        readonly token?: string;
      };
      readonly command?: string | null;
      readonly args?: readonly string[];
      readonly environment?: Readonly<Record<string, string>>;
      readonly working_dir?: string | null;
      readonly version?: string | null;
      readonly tags?: readonly string[];
      readonly metadata?: Readonly<Record<string, unknown>>;
      readonly health_check_url?: string | null;
      readonly timeout_seconds?: number;
      readonly max_retries?: number;
      readonly active?: boolean;
      readonly settings?: Readonly<Record<string, unknown>>;
    };
    answer: Server;
  };
  /** Connects to a server that is not registered and says how far it came; nothing is kept. */
  "servers-test": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly name: string;
      readonly namespace?: string;
      readonly description?: string;
      readonly type: "streamable-http" | "sse" | "stdio";
      readonly url?: string | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly auth?: {
        readonly type: "none" | "header" | "bearer";
        readonly header?: string;
        readonly value?: string;
        readonly token?: string;
      };
      readonly command?: string | null;
      readonly args?: readonly string[];
      readonly environment?: Readonly<Record<string, string>>;
      readonly working_dir?: string | null;
      readonly version?: string | null;
      readonly tags?: readonly string[];
      readonly metadata?: Readonly<Record<string, unknown>>;
      readonly health_check_url?: string | null;
      readonly timeout_seconds?: number;
      readonly max_retries?: number;
      readonly active?: boolean;
      readonly settings?: Readonly<Record<string, unknown>>;
    };
    answer: {
      readonly ok: boolean;
      readonly steps: readonly ({
        readonly step: "settings" | "connect" | "lists";
        readonly ok: boolean;
        readonly detail: string;
        readonly duration_ms: number;
      })[];
    };
  };
  /** One server. */
  "servers-get": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: Server;
  };
  /** Changes what is given; live at once. Secrets not given stay, but for another origin of the `url`: it takes `auth` and `headers` anew. */
  "servers-update": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: {
      readonly name?: string;
      readonly description?: string;
      readonly type?: "streamable-http" | "sse" | "stdio";
      readonly url?: string | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly auth?: {
        readonly type: "none" | "header" | "bearer";
        readonly header?: string;
        readonly value?: string;
        readonly token?: string;
      };
      readonly command?: string | null;
      readonly args?: readonly string[];
      readonly environment?: Readonly<Record<string, string>>;
      readonly working_dir?: string | null;
      readonly version?: string | null;
      readonly tags?: readonly string[];
      readonly metadata?: Readonly<Record<string, unknown>>;
      readonly health_check_url?: string | null;
      readonly timeout_seconds?: number;
      readonly max_retries?: number;
      readonly active?: boolean;
      readonly settings?: Readonly<Record<string, unknown>>;
    };
    answer: Server;
  };
  /** Removes it; calls under way may end. */
  "servers-delete": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: undefined;
  };
  /** Connects to a registered server anew, beside its running connection, and says how far it came. */
  "servers-test-stored": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: {
      readonly ok: boolean;
      readonly steps: readonly ({
        readonly step: "settings" | "connect" | "lists";
        readonly ok: boolean;
        readonly detail: string;
        readonly duration_ms: number;
      })[];
    };
  };
  /** Signs a user in: a token of ten minutes, and one to refresh it with. */
  "login": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: {
      readonly organization?: string;
      readonly username: string;
      readonly password: string;
    };
    answer: Tokens;
  };
  /** The next tokens of a sign-in. A refresh token shown twice ends the sign-in. */
  "refresh": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: {
      readonly refresh_token: string;
    };
    answer: Tokens;
  };
  /** Ends the sign-in the token came from; it works no more at once. */
  "logout": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  /** A new password, by a token of a sign-in; the user's other sign-ins end. */
  "password": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: {
      readonly current_password: string;
      readonly new_password: string;
    };
    answer: undefined;
  };
  /** Who the caller is, and what it may. */
  "profile-get": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Profile;
  };
  /** The user's own name and address, by a token of a sign-in. A changed address counts as not verified. */
  "profile-update": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: {
      readonly username?: string;
      readonly email?: string | null;
    };
    answer: Profile;
  };
  /** Client credentials (RFC 6749, 4.4): an a2a key as `client_secret`, Basic password or Bearer credential, or an assertion it signed (RFC 7523), for a token of ten minutes that is never wider. */
  "a2a-token": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: {
      readonly grant_type: string;
      readonly client_id?: string;
      readonly client_secret?: string;
      readonly client_assertion_type?: string;
      readonly client_assertion?: string;
      readonly scope?: string;
    };
    answer: ClientToken;
  };
  /** The public keys of the gateway's own tokens. */
  "jwks": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: {
      readonly keys: readonly Readonly<Record<string, unknown>>[];
    };
  };
  /** Sends a browser to the identity provider (authorization code flow, PKCE). */
  "oidc-start": {
    params: { readonly provider: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  /** Where the identity provider sends the browser back: the tokens that a login gives. */
  "oidc-callback": {
    params: { readonly provider: string };
    query: { readonly code?: string; readonly state?: string };
    body: undefined;
    answer: Tokens;
  };
  /** Where clients of this endpoint get their tokens (RFC 9728). */
  "resource-metadata": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: {
      readonly resource: string;
      readonly authorization_servers: readonly string[];
      readonly bearer_methods_supported: readonly string[];
      readonly scopes_supported: readonly string[];
      readonly resource_name: string;
    };
  };
  /** Where clients of this endpoint get their tokens (RFC 9728). */
  "resource-metadata-mcp": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: {
      readonly resource: string;
      readonly authorization_servers: readonly string[];
      readonly bearer_methods_supported: readonly string[];
      readonly scopes_supported: readonly string[];
      readonly resource_name: string;
    };
  };
  /** Where clients of this endpoint get their tokens (RFC 9728). */
  "resource-metadata-namespace-mcp": {
    params: { readonly namespace: string };
    query: Record<never, never>;
    body: undefined;
    answer: {
      readonly resource: string;
      readonly authorization_servers: readonly string[];
      readonly bearer_methods_supported: readonly string[];
      readonly scopes_supported: readonly string[];
      readonly resource_name: string;
    };
  };
  /** Where clients of this endpoint get their tokens (RFC 9728). */
  "resource-metadata-namespace-server-mcp": {
    params: { readonly namespace: string; readonly server: string };
    query: Record<never, never>;
    body: undefined;
    answer: {
      readonly resource: string;
      readonly authorization_servers: readonly string[];
      readonly bearer_methods_supported: readonly string[];
      readonly scopes_supported: readonly string[];
      readonly resource_name: string;
    };
  };
  /** Where clients of this endpoint get their tokens (RFC 9728). */
  "resource-metadata-server-mcp": {
    params: { readonly server: string };
    query: Record<never, never>;
    body: undefined;
    answer: {
      readonly resource: string;
      readonly authorization_servers: readonly string[];
      readonly bearer_methods_supported: readonly string[];
      readonly scopes_supported: readonly string[];
      readonly resource_name: string;
    };
  };
  /** Where clients of this endpoint get their tokens (RFC 9728). */
  "resource-metadata-server-short": {
    params: { readonly server: string };
    query: Record<never, never>;
    body: undefined;
    answer: {
      readonly resource: string;
      readonly authorization_servers: readonly string[];
      readonly bearer_methods_supported: readonly string[];
      readonly scopes_supported: readonly string[];
      readonly resource_name: string;
    };
  };
  /** The caller's own keys. */
  "own-keys-list": {
    params: Record<never, never>;
    query: { readonly type?: "user" | "a2a"; readonly role?: "admin" | "user" | "viewer" | "api_user"; readonly status?: "active" | "inactive" | "revoked" | "expired"; readonly namespace?: string; readonly search?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly ApiKey[];
      readonly next_cursor: string | null;
    };
  };
  /** A new key, never wider than the caller; `key` in the answer is shown this once. */
  "own-keys-create": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly name: string;
      readonly type?: "user" | "a2a";
      readonly role?: "admin" | "user" | "viewer" | "api_user";
      readonly permissions?: readonly string[];
      readonly namespace?: string;
      readonly user_id?: string;
      readonly expires_at?: string;
      readonly platform_admin?: boolean;
    };
    answer: IssuedApiKey;
  };
  /** One of the caller's own keys. */
  "own-keys-get": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: ApiKey;
  };
  /** Revokes one of the caller's own keys. */
  "own-keys-revoke": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: undefined;
  };
  /** Public keys of an application: it signs its assertions with them instead of showing its key (RFC 7523). */
  "own-keys-jwks": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: {
      readonly keys: readonly ({
        readonly kty: "EC" | "OKP" | "RSA";
        readonly kid: string;
        readonly alg?: string;
      })[];
    };
    answer: undefined;
  };
  /** All keys of the organisation. */
  "keys-list": {
    params: Record<never, never>;
    query: { readonly user_id?: string; readonly type?: "user" | "a2a"; readonly role?: "admin" | "user" | "viewer" | "api_user"; readonly status?: "active" | "inactive" | "revoked" | "expired"; readonly namespace?: string; readonly search?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly ApiKey[];
      readonly next_cursor: string | null;
    };
  };
  /** One key of the organisation. */
  "keys-get": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: ApiKey;
  };
  /** Revokes a key: within a second here, within five seconds elsewhere. */
  "keys-revoke": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: undefined;
  };
  /** The organisation's users. */
  "users-list": {
    params: Record<never, never>;
    query: { readonly role?: "admin" | "user" | "viewer" | "api_user"; readonly active?: "true" | "false"; readonly platform_admin?: "true" | "false"; readonly search?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly User[];
      readonly next_cursor: string | null;
    };
  };
  /** A new user. */
  "users-create": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly username: string;
      readonly email?: string | null;
      readonly role?: "admin" | "user" | "viewer" | "api_user";
      readonly permissions?: readonly string[];
      readonly platform_admin?: boolean;
      readonly password?: string;
    };
    answer: User;
  };
  /** One user. */
  "users-get": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: User;
  };
  /** Changes what is given. A new password, or `active: false`, ends the user's sign-ins at once. */
  "users-update": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: {
      readonly username?: string;
      readonly email?: string | null;
      readonly role?: "admin" | "user" | "viewer" | "api_user";
      readonly permissions?: readonly string[];
      readonly platform_admin?: boolean;
      readonly password?: string;
      readonly active?: boolean;
      readonly email_verified?: boolean;
    };
    answer: User;
  };
  /** Deletes the user with its keys and sign-ins. */
  "users-delete": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: undefined;
  };
  /** Asks policies in force or proposed about calls and acts nobody makes, and says which came out otherwise than expected. */
  "policies-test": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly policies?: readonly ({
        readonly name: string;
        readonly description?: string;
        readonly namespace?: string;
        readonly effect: "allow" | "deny" | "route";
        readonly subjects?: readonly string[];
        readonly actions?: readonly string[];
        readonly resources?: readonly string[];
        readonly condition?: string;
        readonly route?: {
          readonly server: string;
        };
        readonly priority?: number;
        readonly active?: boolean;
      })[];
      readonly mode?: "add" | "replace";
      readonly cases: readonly ({
        readonly name?: string;
        readonly principal: {
          readonly user_id?: string;
          readonly key_id?: string;
          readonly role?: "admin" | "user" | "viewer" | "api_user";
          readonly permissions?: readonly string[];
          readonly groups?: readonly string[];
          readonly scopes?: readonly string[];
        };
        readonly call?: {
          readonly namespace?: string;
          readonly server: string;
          readonly tool?: string;
          readonly prompt?: string;
          readonly resource?: string;
          readonly arguments?: Readonly<Record<string, unknown>>;
          readonly time?: string;
          readonly client_address?: string;
        };
        readonly act?: {
          readonly action: string;
          readonly id?: string;
          readonly name?: string;
          readonly namespace?: string;
          readonly time?: string;
          readonly client_address?: string;
        };
        readonly expect?: "allow" | "deny" | "hidden";
        readonly expect_served_by?: string;
      })[];
    };
    answer: {
      readonly passed: number;
      readonly failed: number;
      readonly cases: readonly ({
        readonly name: string | null;
        readonly ok: boolean;
        readonly verdict: "allow" | "deny" | "hidden";
        readonly granted: boolean;
        readonly decided_by: string | null;
        readonly served_by: string | null;
        readonly routed_by: string | null;
      })[];
    };
  };
  /** Why somebody may or may not make a call, or an act of administration: the deciding policy and the whole chain. */
  "policies-explain": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly policies?: readonly ({
        readonly name: string;
        readonly description?: string;
        readonly namespace?: string;
        readonly effect: "allow" | "deny" | "route";
        readonly subjects?: readonly string[];
        readonly actions?: readonly string[];
        readonly resources?: readonly string[];
        readonly condition?: string;
        readonly route?: {
          readonly server: string;
        };
        readonly priority?: number;
        readonly active?: boolean;
      })[];
      readonly mode?: "add" | "replace";
      readonly principal: {
        readonly user_id?: string;
        readonly key_id?: string;
        readonly role?: "admin" | "user" | "viewer" | "api_user";
        readonly permissions?: readonly string[];
        readonly groups?: readonly string[];
        readonly scopes?: readonly string[];
      };
      readonly call?: {
        readonly namespace?: string;
        readonly server: string;
        readonly tool?: string;
        readonly prompt?: string;
        readonly resource?: string;
        readonly arguments?: Readonly<Record<string, unknown>>;
        readonly time?: string;
        readonly client_address?: string;
      };
      readonly act?: {
        readonly action: string;
        readonly id?: string;
        readonly name?: string;
        readonly namespace?: string;
        readonly time?: string;
        readonly client_address?: string;
      };
    };
    answer: {
      readonly verdict: "allow" | "deny" | "hidden";
      readonly granted: boolean;
      readonly decided_by: string | null;
      readonly served_by: string | null;
      readonly routed_by: string | null;
      readonly default: "allow" | "deny";
      readonly steps: readonly ({
        readonly step: "namespace" | "role" | "permissions" | "scopes" | "policies" | "route";
        readonly outcome: "passes" | "refuses" | "not_asked";
        readonly detail: string;
      })[];
      readonly chain: readonly ({
        readonly policy: string;
        readonly effect: "allow" | "deny" | "route";
        readonly condition: string | null;
        readonly answer: "applies" | "does_not_apply" | "failed" | "pending";
      })[];
    };
  };
  /** Who may make a call, or an act of administration: the organisation's keys and users, page by page, each with its answer. */
  "policies-who": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly policies?: readonly ({
        readonly name: string;
        readonly description?: string;
        readonly namespace?: string;
        readonly effect: "allow" | "deny" | "route";
        readonly subjects?: readonly string[];
        readonly actions?: readonly string[];
        readonly resources?: readonly string[];
        readonly condition?: string;
        readonly route?: {
          readonly server: string;
        };
        readonly priority?: number;
        readonly active?: boolean;
      })[];
      readonly mode?: "add" | "replace";
      readonly call?: {
        readonly namespace?: string;
        readonly server: string;
        readonly tool?: string;
        readonly prompt?: string;
        readonly resource?: string;
        readonly arguments?: Readonly<Record<string, unknown>>;
        readonly time?: string;
        readonly client_address?: string;
      };
      readonly act?: {
        readonly action: string;
        readonly id?: string;
        readonly name?: string;
        readonly namespace?: string;
        readonly time?: string;
        readonly client_address?: string;
      };
      readonly answers?: readonly ("allow" | "deny" | "hidden" | "depends")[];
      readonly limit?: number;
      readonly cursor?: string;
    };
    answer: {
      readonly items: readonly ({
        readonly kind: "key" | "user";
        readonly id: string;
        readonly name: string;
        readonly role: "admin" | "user" | "viewer" | "api_user";
        readonly answer: "allow" | "deny" | "hidden" | "depends";
        readonly granted: boolean;
        readonly decided_by: string | null;
      })[];
      readonly next_cursor: string | null;
      readonly scopes: readonly string[];
    };
  };
  /** What proposed policies would have changed: recorded calls, newest first, about 10000 at a time, whose end or server would have been another. */
  "policies-replay": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly policies: readonly ({
        readonly name: string;
        readonly description?: string;
        readonly namespace?: string;
        readonly effect: "allow" | "deny" | "route";
        readonly subjects?: readonly string[];
        readonly actions?: readonly string[];
        readonly resources?: readonly string[];
        readonly condition?: string;
        readonly route?: {
          readonly server: string;
        };
        readonly priority?: number;
        readonly active?: boolean;
      })[];
      readonly mode?: "add" | "replace";
      readonly hours?: number;
      readonly cursor?: string;
    };
    answer: {
      readonly calls: number;
      readonly undecidable: number;
      readonly complete: boolean;
      readonly oldest: string | null;
      readonly next_cursor: string | null;
      readonly flips: readonly ({
        readonly call_id: string;
        readonly at: string;
        readonly principal: string;
        readonly server: string;
        readonly target: string;
        readonly before: "allow" | "deny" | "hidden";
        readonly after: "allow" | "deny" | "hidden";
        readonly decided_by: string | null;
        readonly served_before: string | null;
        readonly served_after: string | null;
      })[];
    };
  };
  /** The organisation's policies, first those of the configuration file. */
  "policies-list": {
    params: Record<never, never>;
    query: { readonly effect?: "allow" | "deny" | "route"; readonly namespace?: string; readonly active?: "true" | "false"; readonly search?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly Policy[];
      readonly next_cursor: string | null;
    };
  };
  /** A new policy; in force at once. */
  "policies-create": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly name: string;
      readonly description?: string;
      readonly namespace?: string;
      readonly effect: "allow" | "deny" | "route";
      readonly subjects?: readonly string[];
      readonly actions?: readonly string[];
      readonly resources?: readonly string[];
      readonly condition?: string;
      readonly route?: {
        readonly server: string;
      };
      readonly priority?: number;
      readonly active?: boolean;
    };
    answer: Policy;
  };
  /** One policy. */
  "policies-get": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: Policy;
  };
  /** Changes what is given; `condition: null` and `route: null` remove it. In force at once. */
  "policies-update": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: {
      readonly name?: string;
      readonly description?: string;
      readonly effect?: "allow" | "deny" | "route";
      readonly subjects?: readonly string[];
      readonly actions?: readonly string[];
      readonly resources?: readonly string[];
      readonly condition?: string | null;
      readonly route?: {
        readonly server: string;
      } | null;
      readonly priority?: number;
      readonly active?: boolean;
    };
    answer: Policy;
  };
  /** Removes it; no longer in force at once. */
  "policies-delete": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: undefined;
  };
  /** What claims of identity providers' tokens are worth in the organisation. */
  "claim-mapping-get": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: undefined;
    answer: ClaimMapping;
  };
  /** Puts another in its place, as a whole. In force at once, open streams included. */
  "claim-mapping-replace": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly claims?: readonly string[] | null;
      readonly mappings?: Readonly<Record<string, readonly string[]>>;
      readonly permissions?: Readonly<Record<string, readonly string[]>>;
      readonly options?: {
        readonly scope_mode?: "any" | "all";
        readonly default_scope?: string | null;
      };
    };
    answer: ClaimMapping;
  };
  /** Removes the organisation's own: the file's holds again, or nothing is permitted by claims. */
  "claim-mapping-delete": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: undefined;
    answer: undefined;
  };
  /** The organisation's namespaces. */
  "namespaces-list": {
    params: Record<never, never>;
    query: { readonly search?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly Namespace[];
      readonly next_cursor: string | null;
    };
  };
  /** A new namespace. */
  "namespaces-create": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly slug: string;
      readonly name?: string;
      readonly description?: string;
      readonly separator?: string;
      readonly metadata?: Readonly<Record<string, unknown>>;
    };
    answer: Namespace;
  };
  /** One namespace. */
  "namespaces-get": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: Namespace;
  };
  /** Changes what is given. */
  "namespaces-update": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: {
      readonly name?: string;
      readonly description?: string;
      readonly separator?: string;
      readonly metadata?: Readonly<Record<string, unknown>>;
    };
    answer: Namespace;
  };
  /** Deletes it with its servers, sessions and keys. `default` stays. */
  "namespaces-delete": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: undefined;
  };
  /** The stored servers of a namespace. */
  "namespaces-servers": {
    params: { readonly id: string };
    query: { readonly type?: "streamable-http" | "sse" | "stdio"; readonly active?: "true" | "false"; readonly status?: "connecting" | "ready" | "failed" | "closed" | "inactive"; readonly search?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly Server[];
      readonly next_cursor: string | null;
    };
  };
  /** Sessions of older clients in a namespace. */
  "namespaces-sessions": {
    params: { readonly id: string };
    query: { readonly status?: "active" | "terminated" | "expired"; readonly principal_id?: string; readonly user_id?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly Session[];
      readonly next_cursor: string | null;
    };
  };
  /** All organisations to platform administrators, to others their own. */
  "organizations-list": {
    params: Record<never, never>;
    query: { readonly active?: "true" | "false"; readonly search?: string; readonly limit?: number; readonly cursor?: string };
    body: undefined;
    answer: {
      readonly items: readonly Organization[];
      readonly next_cursor: string | null;
    };
  };
  /** A new organisation, with a namespace `default`. */
  "organizations-create": {
    params: Record<never, never>;
    query: Record<never, never>;
    body: {
      readonly slug: string;
      readonly name: string;
      readonly plan?: string;
      readonly max_servers?: number;
      readonly max_sessions?: number;
      readonly log_retention_days?: number;
    };
    answer: Organization;
  };
  /** One organisation, and what it uses of its maxima; to others than platform administrators their own. */
  "organizations-get": {
    params: { readonly id: string };
    query: Record<never, never>;
    body: undefined;
    answer: OrganizationInUse;
  };
  /** Changes what is given; `active: false` ends its service at once. */
  "organizations-update": {
    params: { readonly id: string };
    query: Record<never, never>;
    body: {
      readonly name?: string;
      readonly plan?: string;
      readonly max_servers?: number;
      readonly max_sessions?: number;
      readonly log_retention_days?: number;
      readonly active?: boolean;
    };
    answer: Organization;
  };
  /** Deletes it with its namespaces, users, keys and servers; its log records stay until they expire. */
  "organizations-delete": {
    params: { readonly id: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  /** Sessions of older clients, of all namespaces. */
  "sessions-list": {
    params: Record<never, never>;
    query: { readonly namespace?: string; readonly status?: "active" | "terminated" | "expired"; readonly principal_id?: string; readonly user_id?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly Session[];
      readonly next_cursor: string | null;
    };
  };
  /** One session. */
  "sessions-get": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: Session;
  };
  /** Ends it: its client is answered 404 and has to begin anew. */
  "sessions-end": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: undefined;
  };
  /** The rules in force, first those of the configuration file. */
  "rate-limits-list": {
    params: Record<never, never>;
    query: { readonly algorithm?: "sliding_window" | "token_bucket" | "fixed_window" | "concurrency" | "quota"; readonly namespace?: string; readonly active?: "true" | "false"; readonly search?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly RateLimit[];
      readonly next_cursor: string | null;
    };
  };
  /** A new rule, in force at once. */
  "rate-limits-create": {
    params: Record<never, never>;
    query: { readonly organization?: string };
    body: {
      readonly name: string;
      readonly description?: string;
      readonly per?: readonly ("ip" | "user" | "key" | "organization" | "namespace" | "endpoint" | "server" | "tool")[];
      readonly match?: Readonly<Record<string, readonly string[]>>;
      readonly algorithm?: "sliding_window" | "token_bucket" | "fixed_window" | "concurrency" | "quota";
      readonly limit: number;
      readonly window_seconds?: number | null;
      readonly burst?: number | null;
      readonly period?: "day" | "month" | null;
      readonly active?: boolean;
      readonly namespace?: string;
    };
    answer: RateLimit;
  };
  /** One rule. */
  "rate-limits-get": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: RateLimit;
  };
  /** Changes what is given. What was counted stays where window and algorithm stay. */
  "rate-limits-update": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: {
      readonly name?: string;
      readonly description?: string;
      readonly per?: readonly ("ip" | "user" | "key" | "organization" | "namespace" | "endpoint" | "server" | "tool")[];
      readonly match?: Readonly<Record<string, readonly string[]>>;
      readonly algorithm?: "sliding_window" | "token_bucket" | "fixed_window" | "concurrency" | "quota";
      readonly limit?: number;
      readonly window_seconds?: number | null;
      readonly burst?: number | null;
      readonly period?: "day" | "month" | null;
      readonly active?: boolean;
    };
    answer: RateLimit;
  };
  /** Deletes it with its usage. */
  "rate-limits-delete": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: undefined;
  };
  /** What was admitted and refused by day (or month, of monthly quotas), and what is used now. */
  "rate-limits-usage": {
    params: { readonly id: string };
    query: { readonly subject?: string; readonly limit?: number; readonly cursor?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly RateLimitUsage[];
      readonly next_cursor: string | null;
    };
  };
  /** Forgets what was counted, of one subject or of all. Calls under way stay counted. */
  "rate-limits-reset": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: {
      readonly subject?: string;
    };
    answer: undefined;
  };
  /** Calls and events, newest first; `format=jsonl|csv` exports all that match. */
  "logs": {
    params: Record<never, never>;
    query: { readonly kind?: "call" | "event"; readonly namespace_id?: string; readonly server?: string; readonly served_by?: string; readonly from?: string; readonly to?: string; readonly actor?: string; readonly actor_name?: string; readonly action?: string; readonly target?: string; readonly status?: string; readonly error_code?: string; readonly correlation_id?: string; readonly client_address?: string; readonly format?: "json" | "jsonl" | "csv"; readonly limit?: number; readonly cursor?: string; readonly contents?: "true" | "false"; readonly organization?: string };
    body: undefined;
    answer: {
      readonly items: readonly LogEntry[];
      readonly next_cursor: string | null;
    };
  };
  /** Events that belong to no organisation, newest first: refused credentials, lock-outs, the journal's own; or the records of a removed organisation. `format=jsonl|csv` exports all that match. */
  "platform-logs": {
    params: Record<never, never>;
    query: { readonly organization_id?: string; readonly kind?: "call" | "event"; readonly server?: string; readonly served_by?: string; readonly from?: string; readonly to?: string; readonly actor?: string; readonly actor_name?: string; readonly action?: string; readonly target?: string; readonly status?: string; readonly error_code?: string; readonly correlation_id?: string; readonly client_address?: string; readonly format?: "json" | "jsonl" | "csv"; readonly limit?: number; readonly cursor?: string };
    body: undefined;
    answer: {
      readonly items: readonly LogEntry[];
      readonly next_cursor: string | null;
    };
  };
  /** One call, with what was said in it where that is kept; reading that is recorded. */
  "logs-get": {
    params: { readonly id: string };
    query: { readonly organization?: string };
    body: undefined;
    answer: CallLogEntry;
  };
  /** Calls of a time by target and end (the last day unless said otherwise), and what runs now. */
  "stats": {
    params: Record<never, never>;
    query: { readonly from?: string; readonly to?: string; readonly organization?: string };
    body: undefined;
    answer: {
      readonly from: string;
      readonly to: string;
      readonly calls: number;
      readonly by_status: Readonly<Record<string, number>>;
      readonly targets: readonly ({
        readonly server: string | null;
        readonly target: string | null;
        readonly method: string | null;
        readonly status: string | null;
        readonly calls: number;
        readonly duration_ms_mean: number | null;
      })[];
      readonly servers: Readonly<Record<string, number>>;
      readonly process: Readonly<Record<string, number>>;
    };
  };
}

interface AdminOperation {
  readonly method: string;
  readonly path: string;
  /** It takes `organization`, the one to act in. */
  readonly ofOrganization?: true;
}

export const adminOperations = {
  "servers-list": { method: "GET", path: "/gateway/servers", ofOrganization: true },
  "servers-create": { method: "POST", path: "/gateway/servers", ofOrganization: true },
  "servers-test": { method: "POST", path: "/gateway/servers/test", ofOrganization: true },
  "servers-get": { method: "GET", path: "/gateway/servers/{id}", ofOrganization: true },
  "servers-update": { method: "PUT", path: "/gateway/servers/{id}", ofOrganization: true },
  "servers-delete": { method: "DELETE", path: "/gateway/servers/{id}", ofOrganization: true },
  "servers-test-stored": { method: "POST", path: "/gateway/servers/{id}/test", ofOrganization: true },
  "login": { method: "POST", path: "/auth/login" },
  "refresh": { method: "POST", path: "/auth/refresh" },
  "logout": { method: "POST", path: "/auth/logout" },
  "password": { method: "POST", path: "/auth/password" },
  "profile-get": { method: "GET", path: "/auth/profile" },
  "profile-update": { method: "PUT", path: "/auth/profile" },
  "a2a-token": { method: "POST", path: "/auth/a2a/token" },
  "jwks": { method: "GET", path: "/.well-known/jwks.json" },
  "oidc-start": { method: "GET", path: "/auth/oidc/{provider}/start" },
  "oidc-callback": { method: "GET", path: "/auth/oidc/{provider}/callback" },
  "resource-metadata": { method: "GET", path: "/.well-known/oauth-protected-resource" },
  "resource-metadata-mcp": { method: "GET", path: "/.well-known/oauth-protected-resource/mcp" },
  "resource-metadata-namespace-mcp": { method: "GET", path: "/.well-known/oauth-protected-resource/namespaces/{namespace}/mcp" },
  "resource-metadata-namespace-server-mcp": { method: "GET", path: "/.well-known/oauth-protected-resource/namespaces/{namespace}/servers/{server}/mcp" },
  "resource-metadata-server-mcp": { method: "GET", path: "/.well-known/oauth-protected-resource/servers/{server}/mcp" },
  "resource-metadata-server-short": { method: "GET", path: "/.well-known/oauth-protected-resource/{server}" },
  "own-keys-list": { method: "GET", path: "/auth/api-keys", ofOrganization: true },
  "own-keys-create": { method: "POST", path: "/auth/api-keys", ofOrganization: true },
  "own-keys-get": { method: "GET", path: "/auth/api-keys/{id}", ofOrganization: true },
  "own-keys-revoke": { method: "DELETE", path: "/auth/api-keys/{id}", ofOrganization: true },
  "own-keys-jwks": { method: "PUT", path: "/auth/api-keys/{id}/jwks", ofOrganization: true },
  "keys-list": { method: "GET", path: "/api/admin/api-keys", ofOrganization: true },
  "keys-get": { method: "GET", path: "/api/admin/api-keys/{id}", ofOrganization: true },
  "keys-revoke": { method: "DELETE", path: "/api/admin/api-keys/{id}", ofOrganization: true },
  "users-list": { method: "GET", path: "/api/admin/users", ofOrganization: true },
  "users-create": { method: "POST", path: "/api/admin/users", ofOrganization: true },
  "users-get": { method: "GET", path: "/api/admin/users/{id}", ofOrganization: true },
  "users-update": { method: "PUT", path: "/api/admin/users/{id}", ofOrganization: true },
  "users-delete": { method: "DELETE", path: "/api/admin/users/{id}", ofOrganization: true },
  "policies-test": { method: "POST", path: "/policies/test", ofOrganization: true },
  "policies-explain": { method: "POST", path: "/policies/explain", ofOrganization: true },
  "policies-who": { method: "POST", path: "/policies/who", ofOrganization: true },
  "policies-replay": { method: "POST", path: "/policies/replay", ofOrganization: true },
  "policies-list": { method: "GET", path: "/policies", ofOrganization: true },
  "policies-create": { method: "POST", path: "/policies", ofOrganization: true },
  "policies-get": { method: "GET", path: "/policies/{id}", ofOrganization: true },
  "policies-update": { method: "PUT", path: "/policies/{id}", ofOrganization: true },
  "policies-delete": { method: "DELETE", path: "/policies/{id}", ofOrganization: true },
  "claim-mapping-get": { method: "GET", path: "/api/admin/claim-mapping", ofOrganization: true },
  "claim-mapping-replace": { method: "PUT", path: "/api/admin/claim-mapping", ofOrganization: true },
  "claim-mapping-delete": { method: "DELETE", path: "/api/admin/claim-mapping", ofOrganization: true },
  "namespaces-list": { method: "GET", path: "/api/admin/namespaces", ofOrganization: true },
  "namespaces-create": { method: "POST", path: "/api/admin/namespaces", ofOrganization: true },
  "namespaces-get": { method: "GET", path: "/api/admin/namespaces/{id}", ofOrganization: true },
  "namespaces-update": { method: "PUT", path: "/api/admin/namespaces/{id}", ofOrganization: true },
  "namespaces-delete": { method: "DELETE", path: "/api/admin/namespaces/{id}", ofOrganization: true },
  "namespaces-servers": { method: "GET", path: "/api/admin/namespaces/{id}/servers", ofOrganization: true },
  "namespaces-sessions": { method: "GET", path: "/api/admin/namespaces/{id}/sessions", ofOrganization: true },
  "organizations-list": { method: "GET", path: "/api/admin/organizations" },
  "organizations-create": { method: "POST", path: "/api/admin/organizations" },
  "organizations-get": { method: "GET", path: "/api/admin/organizations/{id}" },
  "organizations-update": { method: "PUT", path: "/api/admin/organizations/{id}" },
  "organizations-delete": { method: "DELETE", path: "/api/admin/organizations/{id}" },
  "sessions-list": { method: "GET", path: "/api/admin/sessions", ofOrganization: true },
  "sessions-get": { method: "GET", path: "/api/admin/sessions/{id}", ofOrganization: true },
  "sessions-end": { method: "DELETE", path: "/api/admin/sessions/{id}", ofOrganization: true },
  "rate-limits-list": { method: "GET", path: "/api/admin/rate-limits", ofOrganization: true },
  "rate-limits-create": { method: "POST", path: "/api/admin/rate-limits", ofOrganization: true },
  "rate-limits-get": { method: "GET", path: "/api/admin/rate-limits/{id}", ofOrganization: true },
  "rate-limits-update": { method: "PUT", path: "/api/admin/rate-limits/{id}", ofOrganization: true },
  "rate-limits-delete": { method: "DELETE", path: "/api/admin/rate-limits/{id}", ofOrganization: true },
  "rate-limits-usage": { method: "GET", path: "/api/admin/rate-limits/{id}/usage", ofOrganization: true },
  "rate-limits-reset": { method: "POST", path: "/api/admin/rate-limits/{id}/reset", ofOrganization: true },
  "logs": { method: "GET", path: "/admin/logs", ofOrganization: true },
  "platform-logs": { method: "GET", path: "/admin/platform/logs" },
  "logs-get": { method: "GET", path: "/admin/logs/{id}", ofOrganization: true },
  "stats": { method: "GET", path: "/admin/stats", ofOrganization: true },
} as const satisfies { readonly [Id in keyof AdminApi]: AdminOperation };
