import type { Namespace } from "../../model/tenancy.ts";
import { membersRefused } from "../checked.ts";
import type { AdminParts } from "../parts.ts";

/** Objects are shown with their namespace's id and its slug, which is what people write. */
export function slugOf(parts: AdminParts, organizationId: string, namespaceId: string | null): string | null {
  if (namespaceId === null) return null;
  return parts.organization(organizationId)?.namespacesById.get(namespaceId)?.slug ?? null;
}

/** The namespace a body names. @throws GatewayError `invalid_request` where there is none of that slug */
export async function namespaceNamed(
  parts: AdminParts,
  organizationId: string,
  slug: string,
): Promise<Namespace> {
  const namespace = await parts.store.namespaces.findBySlug(organizationId, slug);
  if (namespace !== undefined) return namespace;
  throw membersRefused({ path: "namespace", message: `there is no namespace ${slug}` });
}
