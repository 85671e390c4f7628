import { GatewayError } from "../errors/gateway-error.ts";
import type { KeyHolder } from "../model/api-key.ts";
import type { Principal } from "../model/principal.ts";

/**
 * The user who acts in person, by a token of a sign-in here or at an identity provider. A key is not its owner: it lies in
 * scripts and with agents, which call what it permits and have no part in whose account it is. What a key's rights let it do
 * to accounts, its owner's among them, is done where administrators do it.
 */
function personOf({ kind, userId }: Principal): string | undefined {
  return kind === "user" ? userId : undefined;
}

/**
 * @throws GatewayError `sign_in_required` for a key and an application, `password_change_required` for whoever has a password
 * that somebody else has seen
 */
export function ownAccount(principal: Principal): string {
  const id = personOf(principal);
  if (id === undefined) throw new GatewayError("sign_in_required");
  if (principal.mustChangePassword === true) throw new GatewayError("password_change_required");
  return id;
}

/** Whose keys are the caller's own: a person's are all of theirs, a key's those it made, and itself where it is somebody's. */
export function holderOf(principal: Principal): KeyHolder {
  const { id: principalId, userId, keyId } = principal;
  const isKey = principal.kind === "api_key" && userId !== undefined;
  return { principalId, userId: personOf(principal), keyId: isKey ? keyId : undefined };
}

/** What is done in person alone, whatever the role: in no list of what a key may. */
export function mayDoInPerson(action: string, principal: Principal): boolean {
  if (action === "auth.profile_update") return personOf(principal) !== undefined;
  return (action !== "auth.password" && action !== "auth.logout") || principal.signInId !== undefined;
}
