import type { OperationObject } from "../model/operation.ts";
import type { Principal } from "../model/principal.ts";
import { nounOf } from "../policy/authorize/act-policies.ts";
import { slugOf } from "./namespaces/namespace-slug.ts";
import type { AdminParts } from "./parts.ts";
import type { AdminRoute } from "./route.ts";

interface Found {
  readonly name?: string;
  readonly namespaceId?: string | null;
}
/** How policies find what an act on one of a noun's objects is about. */
interface Noun {
  /** The segment of a path before the object's id. */
  readonly segment: string;
  /** The member of a body that names the object. */
  readonly named?: "name" | "slug" | "username";
  readonly find: (parts: AdminParts, organizationId: string, id: string) => Promise<Found | undefined>;
}

/** What the store has is asked of the store: as compiled it may have the name it had two seconds ago. */
const nouns: Readonly<Record<string, Noun>> = {
  server: {
    segment: "servers",
    named: "name",
    find: async (parts, organizationId, id) => {
      for (const namespace of parts.organization(organizationId)?.namespacesById.values() ?? []) {
        const managed = namespace.servers.find((one) => one.id === id && one.source !== "store");
        if (managed !== undefined) return { name: managed.name, namespaceId: namespace.id };
      }
      return parts.store.servers.find(organizationId, id);
    },
  },
  user: {
    segment: "users",
    named: "username",
    find: async ({ store }, organizationId, id) => {
      const user = await store.users.find(organizationId, id);
      return user && { name: user.username };
    },
  },
  api_key: {
    segment: "api-keys",
    named: "name",
    find: ({ store }, organizationId, id) => store.apiKeys.find(organizationId, id),
  },
  policy: {
    segment: "policies",
    named: "name",
    find: async (parts, organizationId, id) => {
      const { policies, routing = [], namespacesBySlug } = parts.organization(organizationId) ?? {};
      const all = [...(policies?.all ?? []), ...routing];
      const managed = all.find((one) => one.id === id && one.source === "file");
      if (managed === undefined) return parts.store.policies.find(organizationId, id);
      const namespace = namespacesBySlug?.get(managed.namespaceSlug ?? "");
      return { name: managed.name, namespaceId: namespace?.id ?? null };
    },
  },
  rate_limit: {
    segment: "rate-limits",
    named: "name",
    find: async (parts, organizationId, id) => {
      const limits = parts.organization(organizationId)?.limits ?? [];
      const managed = limits.find((one) => one.id === id && one.source === "file");
      if (managed === undefined) return parts.store.rateLimits.find(organizationId, id);
      return { name: managed.name, namespaceId: managed.namespaceId ?? null };
    },
  },
  namespace: {
    segment: "namespaces",
    named: "slug",
    find: async ({ store }, organizationId, id) => {
      const namespace = await store.namespaces.find(organizationId, id);
      return namespace && { name: namespace.slug, namespaceId: id };
    },
  },
  organization: {
    segment: "organizations",
    named: "slug",
    find: async ({ store }, _, id) => {
      const organization = await store.organizations.find(id);
      return organization && { name: organization.slug };
    },
  },
  session: {
    segment: "sessions",
    find: async ({ store }, organizationId, id) => {
      const session = await store.sessions.find(organizationId, id);
      return session && { namespaceId: session.namespaceId };
    },
  },
  log: {
    segment: "logs",
    // One that has expired says of no namespace, and nothing said in it is left.
    find: async ({ store }, organizationId, id) => {
      const entry = await store.records.request(organizationId, id);
      return entry && { namespaceId: entry.call?.namespaceId ?? null };
    },
  },
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An object by its id; what is not there, or another tenant's, has neither name nor namespace. */
export async function objectNamed(
  parts: AdminParts,
  organizationId: string,
  kind: string,
  id: string,
): Promise<OperationObject> {
  const known = UUID.test(id) ? await nouns[kind]?.find(parts, organizationId, id) : undefined;
  const namespaceSlug = slugOf(parts, organizationId, known?.namespaceId ?? null) ?? undefined;
  return { kind, id, name: known?.name, namespaceSlug };
}

/**
 * The noun whose object the `{id}` of a path is; `undefined` where it has none.
 * @throws Error for a route whose objects policies could not name
 */
export function nounOfPath({
  id,
  path,
  action,
}: Pick<AdminRoute, "id" | "path" | "action">): string | undefined {
  const [, segment] = /([^/]+)\/\{id\}/.exec(path) ?? [];
  if (segment === undefined) return undefined;
  const found = Object.entries(nouns).find(([, noun]) => noun.segment === segment)?.[0];
  if (found === undefined || (found !== nounOf(action) && found !== "namespace")) {
    throw new Error(
      `${id}: policies cannot find the object of ${path}; add its noun to operation-objects.ts`,
    );
  }
  return found;
}

/** What a request is about, by its path and its body; the object as a change would name it comes second. */
export async function objectsOf(
  parts: AdminParts,
  route: AdminRoute,
  request: {
    readonly organizationId: string;
    readonly principal: Principal;
    readonly id: string | undefined;
    readonly body: unknown;
  },
): Promise<readonly OperationObject[]> {
  const { organizationId, principal } = request;
  const kind = nounOf(route.action);
  const given = namedBy(request.body, nouns[kind]?.named);
  const inPath = nounOfPath(route);
  if (inPath !== undefined && request.id !== undefined) {
    const object = await objectNamed(parts, organizationId, inPath, request.id.toLowerCase());
    if (inPath !== kind) return [{ ...object, kind, id: undefined, name: undefined }];
    return given.name === undefined || given.name === object.name
      ? [object]
      : [object, { ...object, name: given.name }];
  }
  const bound = principal.namespaceBound ? slugOf(parts, organizationId, principal.namespaceId) : null;
  const namespaceSlug =
    given.namespace ?? (kind === "namespace" ? given.name : undefined) ?? bound ?? undefined;
  return [{ kind, id: undefined, name: given.name, namespaceSlug }];
}

function namedBy(
  body: unknown,
  member: Noun["named"],
): { name: string | undefined; namespace: string | undefined } {
  const members = (body ?? {}) as Readonly<Record<string, unknown>>;
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  return {
    name: member === undefined ? undefined : text(members[member]),
    namespace: text(members.namespace),
  };
}
