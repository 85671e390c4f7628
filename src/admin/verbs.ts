import type { Role } from "../model/principal.ts";
import type { AdminRoute } from "./route.ts";

/** Acts of administration that policies may name, each with the roles of every route that does it. */
export type Verbs = ReadonlyMap<string, readonly (readonly Role[])[]>;

/** Derived from the routes: what somebody known may do. Nobody known is nobody a policy could name. */
export function verbsOf(routes: readonly AdminRoute[]): Verbs {
  const verbs = new Map<string, (readonly Role[])[]>();
  for (const { access, action, roles } of routes) {
    if (access === "open") continue;
    const known = verbs.get(action);
    if (known === undefined) verbs.set(action, [roles]);
    else known.push(roles);
  }
  return verbs;
}
