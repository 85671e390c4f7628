import { type ClaimMapping, NO_CLAIM_MAPPING } from "../../model/claim-mapping.ts";
import type { Authenticator, RefusalNote } from "../../model/ports/authenticator.ts";
import type { Principal } from "../../model/principal.ts";
import { permissionKeyOf } from "../permission-key.ts";
import { claimedRights } from "./claims.ts";

interface Mapped {
  readonly by: ClaimMapping | undefined;
  readonly principal: Principal;
}

/**
 * Callers with tokens of identity providers, with the rights that their organisation's claim mapping gives them now. A change
 * of the mapping needs neither the provider nor the store: the next request has the new rights.
 */
export class MappedCallers implements Authenticator {
  readonly #callers: Authenticator;
  readonly #mappingOf: (organizationId: string) => ClaimMapping | undefined;
  /** By the principal as it was looked up, so that one caller stays one object while nothing changes. */
  readonly #known = new WeakMap<Principal, Mapped>();

  /** @param mappingOf the one in force; another object where it changed */
  constructor(callers: Authenticator, mappingOf: (organizationId: string) => ClaimMapping | undefined) {
    this.#callers = callers;
    this.#mappingOf = mappingOf;
  }

  authenticate(
    credential: string,
    note?: RefusalNote,
  ): Principal | undefined | Promise<Principal | undefined> {
    const found = this.#callers.authenticate(credential, note);
    if (found instanceof Promise) return found.then((principal) => principal && this.now(principal));
    return found && this.now(found);
  }

  /** The same caller with the rights of now; the very one it was where they are the same. */
  now(principal: Principal): Principal {
    if (principal.token === undefined || principal.mustChangePassword === true) return principal;
    const by = this.#mappingOf(principal.organizationId);
    const known = this.#known.get(principal);
    if (known !== undefined && known.by === by) return known.principal;
    const mapped = mappedBy(principal, principal.token, by ?? NO_CLAIM_MAPPING);
    this.#known.set(principal, { by, principal: mapped });
    return mapped;
  }
}

function mappedBy(
  principal: Principal,
  token: NonNullable<Principal["token"]>,
  mapping: ClaimMapping,
): Principal {
  const { groups, scopes, granted, acts } = claimedRights(token, mapping);
  const { role, platformAdmin } = principal;
  const rights = {
    role,
    platformAdmin,
    permissions: [...token.permissions, ...granted],
    groups,
    scopes,
  };
  const { defaultScope, permissions } = mapping;
  // Those who hold the default scope may use what no pattern names: which patterns there are counts for them.
  const named =
    defaultScope !== undefined && scopes.includes(defaultScope) ? Object.keys(permissions) : undefined;
  const permissionKey = permissionKeyOf({ ...rights, named });
  // Acts are in no list that a client could have read: who gains or loses one is told nothing. Whoever has some has scopes,
  // so that the key is another than that of the principal without.
  return permissionKey === principal.permissionKey
    ? principal
    : { ...principal, ...rights, acts, permissionKey };
}
