import type { Role } from "./principal.ts";
import type { User } from "./user.ts";

/** `a2a` keys belong to an application and have no user. */
export type ApiKeyType = "user" | "a2a";

/** One issued key. The credential itself is never stored. */
export interface ApiKey {
  readonly id: string;
  readonly organizationId: string;
  /** Where the key is bound to one namespace. */
  readonly namespaceId: string | null;
  readonly userId: string | null;
  readonly name: string;
  readonly type: ApiKeyType;
  readonly role: Role;
  readonly platformAdmin: boolean;
  /** Patterns as in `Principal.permissions`. */
  readonly permissions: readonly string[];
  /** First 12 characters, for display. */
  readonly prefix: string;
  /** Keyed digest of the credential, see `auth/api-key/digest.ts`; unique. */
  readonly hash: string;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  readonly isActive: boolean;
  readonly revokedAt: number | null;
  /** Principal id of who made it. */
  readonly createdBy: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A key as the authenticator needs it. */
export interface ApiKeyIdentity {
  readonly key: ApiKey;
  /** The organisation's namespace `default`, where it has not been deleted. */
  readonly defaultNamespaceId: string | null;
  readonly organizationActive: boolean;
  /** The user it belongs to, as it is now; `null` for a key of nobody's, which depends on nobody. */
  readonly owner: KeyOwner | null;
}
export type KeyOwner = Pick<User, "isActive" | "role" | "platformAdmin" | "permissions">;

/** Whose keys are asked for: those that belong to the user, those that the principal made, and the one it is. */
export interface KeyHolder {
  readonly principalId: string;
  readonly userId: string | undefined;
  readonly keyId: string | undefined;
}
