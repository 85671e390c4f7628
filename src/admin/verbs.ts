import type { Verbs } from "../model/operation.ts";
import type { Role } from "../model/principal.ts";
import type { AdminRoute } from "./route.ts";

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
