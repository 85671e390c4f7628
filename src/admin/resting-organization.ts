import type { Store } from "../model/ports/store.ts";
import type { NamespaceSnapshot, OrganizationSnapshot } from "../model/snapshot.ts";
import { pages } from "./paged-rows.ts";

/**
 * An organisation of which nothing is in force: it is not active, or was made a moment ago elsewhere. Its objects may be seen
 * and changed; its servers are not served, and its policies and limits rest.
 */
export async function restingOrganization(
  { organizations, namespaces }: Pick<Store, "organizations" | "namespaces">,
  id: string,
): Promise<OrganizationSnapshot | undefined> {
  const organization = await organizations.find(id);
  if (organization === undefined) return undefined;
  const all: NamespaceSnapshot[] = [];
  for await (const { id: namespaceId, slug, separator } of pages((page) => namespaces.list(id, page)))
    all.push({ id: namespaceId, slug, organizationId: id, servers: [], separator });
  return {
    id,
    slug: organization.slug,
    namespacesById: new Map(all.map((one) => [one.id, one])),
    namespacesBySlug: new Map(all.map((one) => [one.slug, one])),
  };
}
