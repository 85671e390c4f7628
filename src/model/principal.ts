export type Role = "admin" | "user" | "viewer" | "api_user";

/** Who is calling: derived from the credential alone, never from a URL, a body or a header of an untrusted peer. */
export interface Principal {
  /** Stable across restarts: `user:<uuid>`, `key:<uuid>`, `client:<uuid>` (app-to-app) or `anonymous`. */
  readonly id: string;
  readonly kind: "api_key" | "user" | "client" | "anonymous" | "system";
  /** For logs and records: the key's display prefix or name. Never a secret. */
  readonly name: string;
  readonly organizationId: string;
  /** The caller's own namespace, served at `/mcp`. */
  readonly namespaceId: string;
  /** True where the credential is bound to that one namespace. */
  readonly namespaceBound: boolean;
  readonly role: Role;
  readonly platformAdmin: boolean;
  /** Patterns over `server:tool` identities, relative to the namespace; empty permits nothing. */
  readonly permissions: readonly string[];
  /** A token for some of its key's patterns: an administrator's reaches those alone, and administers nothing. */
  readonly isNarrowed?: boolean | undefined;
  /** The user behind the credential, where there is one. */
  readonly userId?: string | undefined;
  /** The key the credential is, or was exchanged from. */
  readonly keyId?: string | undefined;
  /** The sign-in its token came from; the token ends with it. */
  readonly signInId?: string | undefined;
  /** Groups an identity provider vouches for; subjects of policies. */
  readonly groups?: readonly string[] | undefined;
  /** Patterns of acts of administration that the scopes permit beside the role: `admin:user_management`. */
  readonly acts?: readonly string[] | undefined;
  /** Scopes of a token; `undefined` where scopes do not govern the caller (keys, users of our own). */
  readonly scopes?: readonly string[] | undefined;
  /** Where the credential is one of an identity provider: groups, scopes and what they permit are made of it. */
  readonly token?: ProviderToken | undefined;
  /** A user with a password somebody else has seen: may change it, and nothing else. What its claims are worth waits for that. */
  readonly mustChangePassword?: boolean | undefined;
  /** Equal for principals that may see and do the same; keys the caches of filtered lists. */
  readonly permissionKey: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/** A token of an identity provider, verified. Its bearer has the rights that its claims are mapped to now. */
export interface ProviderToken {
  readonly claims: Readonly<Record<string, unknown>>;
  /** Claims whose values are groups, where the mapping names none. */
  readonly groupClaims: readonly string[];
  /** Claims that list scopes. */
  readonly scopeClaims: readonly string[];
  /** The patterns its user has without it. */
  readonly permissions: readonly string[];
  /** Paths of the MCP endpoints it was issued for (RFC 8707); absent where it opens all. */
  readonly endpoints?: readonly string[] | undefined;
}

/**
 * The user who acts in person, by a token of a sign-in here or at an identity provider; a key is not its owner (ADR 0033).
 * `undefined` for every other caller.
 */
export function personOf({ kind, userId }: Principal): string | undefined {
  return kind === "user" ? userId : undefined;
}
