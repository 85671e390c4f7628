import type { Principal } from "../principal.ts";
import type { User } from "../user.ts";

export interface IssuedTokens {
  readonly access_token: string;
  readonly token_type: "Bearer";
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly must_change_password: boolean;
}
/** Who signed in, for the record. */
export interface SignedIn {
  readonly user: User;
  readonly tokens: IssuedTokens;
}
/** Told whose account is meant as soon as that is known, so that the record of a refusal stands where its administrators look. */
export type Tried = (organizationId: string, userId: string | undefined) => void;
export interface LoginAttempt {
  /** Slug. */
  readonly organization: string;
  readonly username: string;
  readonly password: string;
  readonly clientAddress: string;
}

/** The sign-in whose token the caller shows. */
export interface OwnSignIn {
  readonly organizationId: string;
  readonly userId: string;
  readonly signInId: string;
}

/** Signing in, staying in and signing out, for people. */
export interface SignIns {
  /** @throws GatewayError `invalid_credentials`, the same and after the same time whatever was wrong; `too_many_failures` */
  login(attempt: LoginAttempt, tried?: Tried): Promise<SignedIn>;
  /** Begins a sign-in of somebody whose identity is proven. */
  begin(user: User): Promise<IssuedTokens>;
  /**
   * The next tokens of a sign-in; each refresh token works once. Whoever shows one a second time has a copy of it, so
   * the whole sign-in ends.
   * @throws GatewayError `invalid_grant`
   */
  refresh(refreshToken: string, tried?: Tried): Promise<SignedIn>;
  /** Ends the sign-in the caller's token came from. */
  logout(signIn: OwnSignIn): Promise<void>;
  /**
   * A new password by its owner; all other sign-ins of the user end.
   * @throws GatewayError `current_password_wrong`, `password_refused`, `too_many_failures`; `unauthenticated` where the user is
   * removed in this moment
   */
  changePassword(signIn: OwnSignIn, current: string, next: string): Promise<User>;
  /** The hash to store of a password an administrator gives. @throws GatewayError `password_refused` */
  hashOf(password: string, username: string): Promise<string>;
  /** Ends every sign-in of a user. */
  endAll(organizationId: string, userId: string): Promise<void>;
}

/** Signing in at an identity provider, for people with a browser. */
export interface ProviderSignIn {
  /** Where to send the browser, and what it has to bring back, sealed. @throws GatewayError `sign_in_failed` */
  start(): Promise<{ readonly location: string; readonly attempt: string; readonly seconds: number }>;
  /** @param query what the provider sent it back with @throws GatewayError `sign_in_failed` */
  finish(query: Readonly<Record<string, string>>, attempt: string | undefined): Promise<SignedIn>;
}

/** What an application asks for (RFC 6749, 4.4). */
export interface ClientRequest {
  /** The a2a key itself. */
  readonly key?: string | undefined;
  readonly assertion?: string | undefined;
  /** Patterns, fewer than its key's, divided by spaces. */
  readonly scope?: string | undefined;
}
export interface ClientToken {
  readonly access_token: string;
  readonly token_type: "Bearer";
  readonly expires_in: number;
  readonly scope: string;
}
/** Exchanges an application's key, or an assertion it signed, for a token of ten minutes that is never wider (E7). */
export interface ClientTokens {
  /**
   * @param tried told whose key is meant as soon as that is known, whether or not it works
   * @throws GatewayError `invalid_client`, `invalid_scope`
   */
  exchange(
    request: ClientRequest,
    tried?: (organizationId: string, keyId: string) => void,
  ): Promise<{ readonly client: Pick<Principal, "id" | "name">; readonly token: ClientToken }>;
}
