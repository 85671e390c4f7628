import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation, OwnOrganization } from "../../model/operation.ts";
import type { Principal } from "../../model/principal.ts";
import type { Policy } from "../policy.ts";

/** Of the store, whether or not they are active. */
export interface OrganizationLooks {
  find(id: string): Promise<OwnOrganization | undefined>;
  bySlug(slug: string): Promise<OwnOrganization | undefined>;
}

/**
 * Where an act takes place: in the caller's own organisation, or in the one it names, which is a platform administrator's to
 * do. To everybody else a foreign organisation is one that does not exist, and is not even looked up.
 * @throws GatewayError `not_found`
 */
export function actedInPolicy<R>(organizations: OrganizationLooks): Policy<Operation, R> {
  return async (operation, next) => {
    const { organizationNamed: named, principal } = operation;
    if (named === undefined) return next(operation);
    const own = principal.kind === "system" ? undefined : await organizations.find(principal.organizationId);
    if (own?.slug === named) return next(operation);
    const other =
      own !== undefined && mayActElsewhere(principal) ? await organizations.bySlug(named) : undefined;
    if (own === undefined || other === undefined) {
      keepAtHome(operation);
      throw new GatewayError("not_found");
    }
    operation.organizationId = other.id;
    operation.actorOrganization = { id: own.id, slug: own.slug };
    return next(operation);
  };
}

/** An attempt to act elsewhere that is refused by what holds for its actor alone stands in the record of its own organisation. */
export function keepAtHome(operation: Operation): void {
  operation.organizationId = operation.principal.organizationId;
  operation.actorOrganization = undefined;
  operation.target = targetOf(operation);
}
export function isKeptAtHome(operation: Operation): boolean {
  return operation.organizationNamed !== undefined && operation.target === targetOf(operation);
}
const targetOf = ({ organizationNamed }: Operation): string => `organization:${organizationNamed}`;

/** A credential of one namespace stays in it. */
export function mayActElsewhere({ platformAdmin, namespaceBound }: Principal): boolean {
  return platformAdmin && !namespaceBound;
}
