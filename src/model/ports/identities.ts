import type { ApiKeyIdentity } from "../api-key.ts";
import type { SigningKey, TokenFamily, User, UserIdentity } from "../user.ts";
import type { UserFilter } from "./filters.ts";
import type { ChangeOf, PageRequest, RemovalCheck } from "./row.ts";

type Stamps = "createdAt" | "updatedAt";
type Preset = "emailVerified" | "isActive" | "lastLoginAt" | "mustChangePassword";
export type NewUser = Omit<User, Stamps | Preset> &
  Partial<Pick<User, "emailVerified" | "mustChangePassword">>;
export type UserChange = Partial<Omit<User, Stamps | "id" | "organizationId" | "lastLoginAt">>;

/** Of whom somebody active is to be left when the write is done, however many are done at once. */
export interface AdministratorsKept {
  /** The organisation's own: of role `admin`, or platform administrators. */
  readonly ofOrganization: boolean;
  /** Platform administrators, of any active organisation. */
  readonly ofInstallation: boolean;
}

export interface Users {
  create(user: NewUser): Promise<User>;
  find(organizationId: string, id: string): Promise<User | undefined>;
  /** Whatever the case. */
  findByName(organizationId: string, username: string): Promise<User | undefined>;
  list(organizationId: string, page?: PageRequest, filter?: UserFilter): Promise<User[]>;
  /** @throws GatewayError `conflict` where nobody would be left of those to be kept */
  update(
    organizationId: string,
    id: string,
    change: ChangeOf<User, UserChange>,
    kept?: AdministratorsKept,
  ): Promise<User | undefined>;
  /**
   * Deletes the user's keys and sign-ins too, unless `check` throws.
   * @throws GatewayError `conflict` where nobody would be left of those to be kept
   */
  remove(
    organizationId: string,
    id: string,
    check?: RemovalCheck<User>,
    kept?: AdministratorsKept,
  ): Promise<boolean>;
  /** Notes a sign-in, and the hash where it was made anew; no cached principal changes by it. */
  signedIn(organizationId: string, id: string, at: number, passwordHash?: string): Promise<void>;
  /** With a family: `undefined` also where that sign-in has ended. */
  identity(
    organizationId: string,
    id: string,
    familyId: string | undefined,
    now: number,
  ): Promise<UserIdentity | undefined>;
}

export interface TokenFamilies {
  begin(family: Omit<TokenFamily, "generation" | "lastUsedAt" | "revokedAt">): Promise<void>;
  /** Of many at once with the same generation one gets `true`. */
  rotate(organizationId: string, id: string, generation: number, now: number): Promise<boolean>;
  find(organizationId: string, id: string): Promise<TokenFamily | undefined>;
  revoke(organizationId: string, id: string, at: number): Promise<boolean>;
  /** All sign-ins of a user but one. */
  revokeAll(organizationId: string, userId: string, at: number, exceptId?: string): Promise<void>;
  /** Forgets those that ended before a time. */
  removeEnded(before: number): Promise<void>;
}

/** Who of an identity provider is which user. */
export interface ExternalIdentities {
  userOf(organizationId: string, issuer: string, subject: string): Promise<string | undefined>;
  /** @throws GatewayError `already_exists` */
  link(organizationId: string, issuer: string, subject: string, userId: string): Promise<void>;
}

export interface SigningKeys {
  /** Newest first, without the retired. */
  list(now: number): Promise<SigningKey[]>;
  add(key: SigningKey & { readonly privateKey: string }): Promise<void>;
}

/** Applications that sign for themselves: an a2a key with public keys registered for it. */
export interface Clients {
  register(organizationId: string, keyId: string, jwks: string): Promise<void>;
  /** By id alone: the assertion says which client it is, and is checked against that client's own keys. */
  find(keyId: string): Promise<{ readonly identity: ApiKeyIdentity; readonly jwks: string } | undefined>;
  /** False where that assertion was used before. */
  firstUse(assertionId: string, expiresAt: number, now: number): Promise<boolean>;
}

/** Failed sign-ins by the hash of what was tried; of no organisation, because who was tried may be nobody. */
export interface SignInFailures {
  /** @param since a window that began before has ended: this failure begins another */
  count(subject: string, now: number, since: number): Promise<void>;
  /** Of those whose window began after `since`. */
  of(
    subjects: readonly string[],
    since: number,
  ): Promise<readonly { readonly subject: string; readonly startedAt: number; readonly failures: number }[]>;
  /** Windows that began no later. */
  forget(until: number): Promise<void>;
}
