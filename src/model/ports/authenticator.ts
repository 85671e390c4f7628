import type { Principal } from "../principal.ts";

/**
 * Turns a presented credential into a principal. Returns synchronously when the answer is cached.
 * `undefined` means: not valid (unknown, revoked, expired); the caller learns no more.
 */
export interface Authenticator {
  authenticate(credential: string): Principal | undefined | Promise<Principal | undefined>;
}
