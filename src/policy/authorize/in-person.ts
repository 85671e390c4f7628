import { GatewayError } from "../../errors/gateway-error.ts";
import type { InPerson } from "../../model/operation.ts";
import { type Principal, personOf } from "../../model/principal.ts";

/**
 * Why the caller may not do what is done in person, whatever its role: a key lies in scripts and with agents, which have no
 * part in whose account it is. What a key's rights let it do to accounts, its owner's among them, is done where
 * administrators do it. `undefined` where it may.
 */
export function refusalInPerson(
  inPerson: InPerson | undefined,
  principal: Principal,
): GatewayError | undefined {
  if (inPerson === undefined) return undefined;
  if (personOf(principal) === undefined) return new GatewayError("sign_in_required");
  if (inPerson === "here")
    return principal.signInId === undefined ? new GatewayError("sign_in_required") : undefined;
  return principal.mustChangePassword === true ? new GatewayError("password_change_required") : undefined;
}
