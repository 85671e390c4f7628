import type { KeyHolder } from "../model/api-key.ts";
import type { OwnSignIn } from "../model/ports/sign-ins.ts";
import { type Principal, personOf } from "../model/principal.ts";

/** Whose account it is, on a route that is done in person. */
export function ownAccount(principal: Principal): string {
  const id = personOf(principal);
  if (id === undefined) throw new Error(`in person, and yet by ${principal.kind}`);
  return id;
}

/** The caller's sign-in, on a route that is done in person here. */
export function ownSignIn(principal: Principal): OwnSignIn {
  const { organizationId, signInId } = principal;
  if (signInId === undefined)
    throw new Error(`in person here, and yet by ${principal.kind} without a sign-in`);
  return { organizationId, userId: ownAccount(principal), signInId };
}

/** Whose keys are the caller's own: a person's are all of theirs, a key's those it made, and itself where it is somebody's. */
export function holderOf(principal: Principal): KeyHolder {
  const { id: principalId, userId, keyId } = principal;
  const isKey = principal.kind === "api_key" && userId !== undefined;
  return { principalId, userId: personOf(principal), keyId: isKey ? keyId : undefined };
}
