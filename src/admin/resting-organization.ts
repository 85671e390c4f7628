import type { Store } from "../model/ports/store.ts";
import type { NamespaceSnapshot, OrganizationSnapshot } from "../model/snapshot.ts";

const PAGE = 1_000;

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
  for (let after: string | undefined; ; ) {
    const page = await namespaces.list(id, { limit: PAGE, ...(after !== undefined && { after }) });
    for (const { id: namespaceId, slug, separator } of page)
      all.push({ id: namespaceId, slug, organizationId: id, servers: [], separator });
    if (page.length < PAGE) break;
    after = page.at(-1)?.id;
  }
  return {
    id,
    slug: organization.slug,
    namespacesById: new Map(all.map((one) => [one.id, one])),
    namespacesBySlug: new Map(all.map((one) => [one.slug, one])),
  };
}
