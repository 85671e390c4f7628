import type { Role } from "./principal.ts";

/** A person of one organisation. Times in milliseconds since the epoch. */
export interface User {
  readonly id: string;
  readonly organizationId: string;
  /** Unique in the organisation, whatever its case. */
  readonly username: string;
  /** Unique in the organisation, whatever its case. */
  readonly email: string | null;
  /** Argon2id, or bcrypt until the next sign-in; `null` for people who sign in elsewhere. */
  readonly passwordHash: string | null;
  readonly role: Role;
  readonly platformAdmin: boolean;
  /** Patterns as in `Principal.permissions`. */
  readonly permissions: readonly string[];
  readonly isActive: boolean;
  readonly emailVerified: boolean;
  /** Until it is changed the user may do nothing but change it. */
  readonly mustChangePassword: boolean;
  readonly lastLoginAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A user as the authenticator needs it. */
export interface UserIdentity {
  readonly user: User;
  /** The organisation's namespace `default`, where it has not been deleted. */
  readonly defaultNamespaceId: string | null;
  readonly organizationActive: boolean;
}

/** One sign-in: the refresh tokens that follow from it, of which only the newest works. */
export interface TokenFamily {
  readonly id: string;
  readonly organizationId: string;
  readonly userId: string;
  /** Of the token that works now; grows by one with each rotation. */
  readonly generation: number;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
}

/** A key that signs, or has signed, the gateway's own tokens: JWKs as JSON. */
export interface SigningKey {
  readonly id: string;
  readonly publicKey: string;
  /** `null` where the master key that sealed it is not configured. */
  readonly privateKey: string | null;
  readonly createdAt: number;
  /** From then on it verifies nothing. */
  readonly retiresAt: number;
}
