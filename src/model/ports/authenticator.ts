import type { Principal } from "../principal.ts";

/** Takes why a credential was refused, for the operator alone; never anything of the credential that is secret. */
export interface RefusalNote {
  refusal?: string | undefined;
}

/**
 * Turns a presented credential into a principal. Returns synchronously when the answer is cached.
 * `undefined` means: not valid (unknown, revoked, expired); the caller learns no more, and the note says why.
 */
export interface Authenticator {
  authenticate(
    credential: string,
    note?: RefusalNote,
  ): Principal | undefined | Promise<Principal | undefined>;
}
