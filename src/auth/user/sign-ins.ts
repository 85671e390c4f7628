import { GatewayError } from "../../errors/gateway-error.ts";
import { networkOf } from "../../model/network.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Sealer } from "../../model/ports/sealer.ts";
import type {
  IssuedTokens,
  LoginAttempt,
  OwnSignIn,
  SignedIn,
  SignIns,
  Tried,
} from "../../model/ports/sign-ins.ts";
import type { AcrossTenants, Store } from "../../model/ports/store.ts";
import type { User } from "../../model/user.ts";
import { ACCESS_TOKEN_SECONDS, type AccessTokens } from "../jwt/access-token.ts";
import { FailedSignIns, type FailureBound } from "./failed-sign-ins.ts";
import { PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, type Passwords } from "./password.ts";
import { openRefreshToken, sealRefreshToken } from "./refresh-token.ts";

/** A sign-in ends after this, however often it was refreshed. */
const SIGN_IN_MS = 30 * 86_400_000;
/** Wrong passwords a minute for one account from one address, and from anywhere. */
const FAILURES_HERE_MAX = 10;
const FAILURES_ANYWHERE_MAX = 100;

export interface SignInParts {
  readonly store: Pick<Store, "users" | "tokenFamilies" | "signInFailures"> & {
    readonly acrossTenants: Pick<AcrossTenants, "organizationBySlug">;
  };
  readonly passwords: Passwords;
  readonly tokens: AccessTokens;
  readonly sealer: Sealer;
  readonly clock: Clock;
  /** A user's credentials changed: cached ones are void, here and elsewhere. */
  readonly onRevoked: (userId: string) => void;
}
/** Signing in, staying in and signing out, for people of our own (F15-F20). */
export class TokenSignIns implements SignIns {
  readonly #parts: SignInParts;
  readonly #failures: FailedSignIns;

  constructor(parts: SignInParts) {
    this.#parts = parts;
    this.#failures = new FailedSignIns(parts.store.signInFailures, parts.clock);
  }

  async login(attempt: LoginAttempt, tried?: Tried): Promise<SignedIn> {
    const { store, passwords, clock } = this.#parts;
    const account = Bun.SHA256.hash(`${attempt.organization}/${attempt.username.toLowerCase()}`, "hex");
    const here = Bun.SHA256.hash(`${account}@${networkOf(attempt.clientAddress)}`, "hex");
    const bounds: readonly FailureBound[] = [
      { subject: here, max: FAILURES_HERE_MAX },
      { subject: account, max: FAILURES_ANYWHERE_MAX },
    ];
    await this.#checkFailures(bounds);
    const organization = await store.acrossTenants.organizationBySlug(attempt.organization);
    const user = organization && (await store.users.findByName(organization.id, attempt.username));
    if (organization !== undefined) tried?.(organization.id, user?.id);
    const { isRight, renewedHash } = await passwords.verify(attempt.password, user?.passwordHash ?? null);
    // Of many guesses at once, those beyond the bound are all answered alike, the right one among them.
    await this.#checkFailures(bounds);
    if (!isRight || user === undefined || !user.isActive || organization?.isActive !== true) {
      await this.#failures.count(bounds);
      throw new GatewayError("invalid_credentials");
    }
    await store.users.signedIn(user.organizationId, user.id, clock.now(), renewedHash);
    return { user, tokens: await this.begin(user) };
  }

  async begin(user: User): Promise<IssuedTokens> {
    const now = this.#parts.clock.now();
    const { organizationId, id: userId } = user;
    const family = {
      id: Bun.randomUUIDv7(),
      organizationId,
      userId,
      createdAt: now,
      expiresAt: now + SIGN_IN_MS,
    };
    await this.#parts.store.tokenFamilies.begin(family);
    return this.#issue(user, family.id, 1);
  }

  async refresh(refreshToken: string, tried?: Tried): Promise<SignedIn> {
    const { store, sealer, clock, onRevoked } = this.#parts;
    const ticket = openRefreshToken(sealer, refreshToken);
    if (ticket === undefined) throw new GatewayError("invalid_grant");
    const { organizationId, familyId, generation } = ticket;
    const now = clock.now();
    if (!(await store.tokenFamilies.rotate(organizationId, familyId, generation, now))) {
      const family = await store.tokenFamilies.find(organizationId, familyId);
      tried?.(organizationId, family?.userId);
      if (family !== undefined && family.generation > generation) {
        if (await store.tokenFamilies.revoke(organizationId, familyId, now)) onRevoked(family.userId);
        throw new GatewayError("invalid_grant", {}, { cause: new Error("refresh token replayed") });
      }
      throw new GatewayError("invalid_grant");
    }
    const family = await store.tokenFamilies.find(organizationId, familyId);
    const identity = family && (await store.users.identity(organizationId, family.userId, familyId, now));
    if (identity === undefined || !identity.user.isActive || !identity.organizationActive)
      throw new GatewayError("invalid_grant");
    return { user: identity.user, tokens: await this.#issue(identity.user, familyId, generation + 1) };
  }

  async logout({ organizationId, userId, signInId }: OwnSignIn): Promise<void> {
    const { store, clock, onRevoked } = this.#parts;
    await store.tokenFamilies.revoke(organizationId, signInId, clock.now());
    onRevoked(userId);
  }

  async changePassword(signIn: OwnSignIn, current: string, next: string): Promise<User> {
    const { store, passwords, clock, onRevoked } = this.#parts;
    const { organizationId, userId, signInId } = signIn;
    const user = await store.users.find(organizationId, userId);
    if (user === undefined) throw new GatewayError("unauthenticated");
    const bounds = [{ subject: user.id, max: FAILURES_HERE_MAX }];
    await this.#checkFailures(bounds);
    const { isRight } = await passwords.verify(current, user.passwordHash);
    await this.#checkFailures(bounds);
    if (!isRight) {
      await this.#failures.count(bounds);
      throw new GatewayError("current_password_wrong");
    }
    checkPassword(next, user.username);
    if (next === current) throw new GatewayError("password_refused", { detail: "it is the old one" });
    const passwordHash = await passwords.hash(next);
    const change = { passwordHash, mustChangePassword: false };
    const changed = await store.users.update(organizationId, user.id, change);
    await store.tokenFamilies.revokeAll(organizationId, user.id, clock.now(), signInId);
    onRevoked(user.id);
    return changed ?? user;
  }

  async hashOf(password: string, username: string): Promise<string> {
    checkPassword(password, username);
    return this.#parts.passwords.hash(password);
  }

  async endAll(organizationId: string, userId: string): Promise<void> {
    await this.#parts.store.tokenFamilies.revokeAll(organizationId, userId, this.#parts.clock.now());
    this.#parts.onRevoked(userId);
  }

  /** @throws GatewayError `too_many_failures` */
  async #checkFailures(bounds: readonly FailureBound[]): Promise<void> {
    const seconds = await this.#failures.waitSeconds(bounds);
    if (seconds === 0) return;
    const headers = { "retry-after": String(seconds) };
    throw new GatewayError("too_many_failures", { seconds }, { headers });
  }

  async #issue(user: User, signInId: string, generation: number): Promise<IssuedTokens> {
    const { organizationId, id, mustChangePassword } = user;
    const { token, expiresIn } = await this.#parts.tokens.issue(
      { subject: `user:${id}`, organizationId, signInId },
      ACCESS_TOKEN_SECONDS,
    );
    const ticket = { organizationId, familyId: signInId, generation };
    return {
      access_token: token,
      token_type: "Bearer",
      expires_in: expiresIn,
      refresh_token: sealRefreshToken(this.#parts.sealer, ticket),
      must_change_password: mustChangePassword,
    };
  }
}

/** NIST SP 800-63B: length is what counts. @throws GatewayError `password_refused` */
function checkPassword(password: string, username: string): void {
  const refuse = (detail: string) => {
    throw new GatewayError("password_refused", { detail });
  };
  if (password.length < PASSWORD_CHARS_MIN) refuse(`at least ${PASSWORD_CHARS_MIN} characters`);
  if (password.length > PASSWORD_CHARS_MAX) refuse(`at most ${PASSWORD_CHARS_MAX} characters`);
  if (new Set(password).size < 5) refuse("at least 5 different characters");
  if (username.length > 3 && password.toLowerCase().includes(username.toLowerCase()))
    refuse("it holds the user name");
}
