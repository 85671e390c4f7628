import type { Policies, Policy, PolicyRecord } from "../model/policy.ts";
import type { Namespace } from "../model/tenancy.ts";
import { DEFAULT_SLUG, policyIdOf } from "./identity.ts";
import type { Settings } from "./settings.ts";

/** An organisation's policies, the file's before the store's on an equal name; `undefined` where it has none. */
export function compilePolicies(
  slug: string,
  settings: Pick<Settings, "policies">,
  stored: {
    readonly policies: readonly PolicyRecord[];
    readonly namespaces: readonly Pick<Namespace, "id" | "slug">[];
  },
): Policies | undefined {
  const all = new Map<string, Policy>();
  for (const { namespace, description: _, ...rule } of slug === DEFAULT_SLUG ? settings.policies.rules : []) {
    const policyId = policyIdOf(slug, rule.name);
    all.set(rule.name, { ...rule, id: policyId, namespaceSlug: namespace, source: "file" });
  }
  for (const row of stored.policies) {
    if (!row.isActive || all.has(row.name)) continue;
    const namespace = stored.namespaces.find((one) => one.id === row.namespaceId);
    if (row.namespaceId !== null && namespace === undefined) continue;
    const { name, effect, subjects, actions, resources, condition, priority } = row;
    const rule = { effect, subjects, actions, resources, condition, priority };
    all.set(name, { ...rule, id: row.id, name, namespaceSlug: namespace?.slug, source: "store" });
  }
  return all.size === 0
    ? undefined
    : { all: [...all.values()], defaultEffect: settings.policies.defaultEffect };
}
