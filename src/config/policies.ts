import type { Policies, Policy, PolicyRecord } from "../model/policy.ts";
import type { NamespaceSnapshot } from "../model/snapshot.ts";
import type { Namespace } from "../model/tenancy.ts";
import { DEFAULT_SLUG, policyIdOf } from "./identity.ts";
import type { Settings } from "./settings.ts";

/** An organisation's policies; each part is `undefined` where it has none. */
export interface CompiledPolicies {
  readonly policies: Policies | undefined;
  /** Those of the effect `route`. */
  readonly routing: readonly Policy[] | undefined;
}

/** The file's before the store's on an equal name. */
export function compilePolicies(
  slug: string,
  settings: Pick<Settings, "policies">,
  stored: {
    readonly policies: readonly PolicyRecord[];
    readonly namespaces: readonly Pick<Namespace, "id" | "slug">[];
  },
): CompiledPolicies {
  const all = new Map<string, Policy>();
  for (const { namespace, description: _, ...rule } of slug === DEFAULT_SLUG ? settings.policies.rules : []) {
    const policyId = policyIdOf(slug, rule.name);
    all.set(rule.name, { ...rule, id: policyId, namespaceSlug: namespace, source: "file" });
  }
  for (const row of stored.policies) {
    if (!row.isActive || all.has(row.name)) continue;
    const namespace = stored.namespaces.find((one) => one.id === row.namespaceId);
    if (row.namespaceId !== null && namespace === undefined) continue;
    const { name, effect, subjects, actions, resources, condition, route, priority } = row;
    const rule = { effect, subjects, actions, resources, condition, route, priority };
    all.set(name, { ...rule, id: row.id, name, namespaceSlug: namespace?.slug, source: "store" });
  }
  const routing = [...all.values()].filter(({ effect }) => effect === "route");
  const access = [...all.values()].filter(({ effect }) => effect !== "route");
  return {
    policies:
      access.length === 0 ? undefined : { all: access, defaultEffect: settings.policies.defaultEffect },
    routing: routing.length === 0 ? undefined : routing,
  };
}

/** A route that leads nowhere, or is about nothing. */
export interface LostRoute {
  readonly policy: string;
  readonly organizationId: string;
  /** In words for the operator. */
  readonly reason: string;
}

export function lostRoutes(
  organizationId: string,
  routing: readonly Policy[] | undefined,
  namespaces: readonly NamespaceSnapshot[],
): LostRoute[] {
  return (routing ?? []).flatMap((policy) => {
    const lost = (reason: string): LostRoute => ({ policy: policy.name, organizationId, reason });
    const routes = namespaces.flatMap(({ slug, routes = [] }) =>
      routes.filter((route) => route.policy === policy).map((route) => ({ slug, route })),
    );
    if (routes.length === 0)
      return [lost(`There is no server it is about (${policy.resources.join(", ")}).`)];
    return routes.flatMap(({ slug, route: { called, serving } }) =>
      serving.servedBy !== undefined && serving.servedBy.id === undefined
        ? [
            lost(
              `It leads from ${called.name} to ${serving.servedBy.name}, which the namespace ${slug} does not have: whom it is about cannot reach ${called.name}.`,
            ),
          ]
        : [],
    );
  });
}
