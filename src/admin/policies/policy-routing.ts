import type { Operation } from "../../model/operation.ts";
import type { Policy, PolicyRule } from "../../model/policy.ts";
import { resolveRoutes } from "../../policy/authorize/routes.ts";
import { membersRefused } from "../checked.ts";
import type { AdminParts } from "../parts.ts";

/**
 * A route leads to a server that is served, wherever it is about one; what becomes of that later, the route is kept.
 * @throws GatewayError `invalid_request`
 */
export function checkTarget(
  parts: AdminParts,
  { organizationId }: Operation,
  rule: PolicyRule,
  namespaceSlug: string | undefined,
): void {
  const { route } = rule;
  if (route === undefined) return;
  const namespaces = [...(parts.organization(organizationId)?.namespacesById.values() ?? [])];
  const policy: Policy = {
    ...rule,
    ...{ id: "", name: "", namespaceSlug, priority: 0, source: "store" },
  };
  const routes = namespaces.flatMap(({ slug, servers }) =>
    (resolveRoutes([policy], slug, servers) ?? []).map(({ serving }) => ({ slug, serving })),
  );
  const lost = routes.find(
    ({ serving }) => serving.servedBy !== undefined && serving.servedBy.id === undefined,
  );
  const isNowhere =
    routes.length === 0 &&
    !namespaces.some(
      ({ slug, servers }) =>
        (namespaceSlug === undefined || namespaceSlug === slug) &&
        servers.some(({ name }) => name === route.server),
    );
  if (lost === undefined && !isNowhere) return;
  const where = lost === undefined ? "it is about" : lost.slug;
  throw membersRefused({
    path: "route.server",
    message: `the namespace ${where} has no server ${route.server}, or does not serve it`,
  });
}
