import type { Verbs } from "../model/operation.ts";
import type { AdminRoute } from "./route.ts";

/** Derived from the routes: what somebody known may do. Nobody known is nobody a policy could name. */
export function verbsOf(routes: readonly AdminRoute[]): Verbs {
  const verbs = new Map<string, AdminRoute[]>();
  for (const route of routes) {
    if (route.access === "open") continue;
    const known = verbs.get(route.action);
    if (known === undefined) verbs.set(route.action, [route]);
    else known.push(route);
  }
  return verbs;
}
