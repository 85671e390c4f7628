import { z } from "zod";
import type { IncomingRequest } from "../model/incoming-request.ts";
import { slug } from "./fields.ts";
import type { AdminRoute } from "./route.ts";

/** The query parameter by which a platform administrator acts in another organisation than its own. */
export const ORGANIZATION = "organization";
const parameter = slug
  .optional()
  .describe("The organisation to act in: the caller's own, or for platform administrators any other.");

/** Declares the parameter on every route that is about an organisation, and on no other. */
export function inNamedOrganization(route: AdminRoute): AdminRoute {
  if (route.scope !== "organization") return route;
  const { query = z.strictObject({}) } = route;
  return { ...route, query: query.extend({ [ORGANIZATION]: parameter }) };
}

/** What the request names; `undefined` also where its query is not valid, which is refused when it is read. */
export function organizationNamed({ scope }: AdminRoute, { url }: IncomingRequest): string | undefined {
  if (scope !== "organization") return undefined;
  const given = new URL(url).searchParams.getAll(ORGANIZATION);
  const [named] = given;
  return given.length === 1 && slug.safeParse(named).success ? named : undefined;
}

/** Where an object is that was made there. */
export function placeOf(path: string, id: string, named: string | undefined): string {
  return named === undefined ? `${path}/${id}` : `${path}/${id}?${ORGANIZATION}=${named}`;
}
