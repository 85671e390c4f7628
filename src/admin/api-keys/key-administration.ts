import { GatewayError } from "../../errors/gateway-error.ts";
import type { ApiKey, ApiKeyType } from "../../model/api-key.ts";
import { isActPattern } from "../../model/claim-mapping.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Store } from "../../model/ports/store.ts";
import type { Role } from "../../model/principal.ts";
import type { Namespace, Organization } from "../../model/tenancy.ts";
import type { CommandedChange } from "../commanded-change.ts";
import { pages } from "../paged-rows.ts";
import { keyView, statusOf } from "./key-view.ts";

/** A key to make. Slugs, not ids: it is people who write them. */
export interface KeyRequest {
  readonly name: string;
  readonly type: ApiKeyType;
  readonly role: Role;
  /** `server:tool` patterns as in `Principal.permissions`. */
  readonly permissions: readonly string[];
  readonly organization: string;
  /** Binds the key to one namespace. */
  readonly namespace: string | undefined;
  readonly platformAdmin: boolean;
  /** Milliseconds from now; undefined never expires. */
  readonly lifetimeMs: number | undefined;
}

/** A key as operators see it, times in RFC 3339. */
export interface KeySummary
  extends Omit<ReturnType<typeof keyView>, "namespace_id" | "user_id" | "created_by" | "updated_at"> {
  readonly organization: string;
}
export interface IssuedKey extends KeySummary {
  /** The credential; shown this once and stored nowhere. */
  readonly key: string;
}

/** The acts on API keys, the same whether a running gateway or the command line itself does them. */
export interface KeyAdministration {
  /** @throws GatewayError `invalid_params` for an unknown organisation or namespace, or a malformed pattern */
  create(request: KeyRequest): Promise<IssuedKey>;
  list(organization: string): Promise<readonly KeySummary[]>;
  /** By id or display prefix. The key never works again. @throws GatewayError `invalid_params` where there is none */
  revoke(organization: string, idOrPrefix: string): Promise<KeySummary>;
  /** A new key with the old one's rights and expiry; the old one is revoked. */
  rotate(organization: string, idOrPrefix: string): Promise<IssuedKey>;
}

/** A new credential and what of it is stored. */
export interface MintedKey {
  readonly key: string;
  readonly prefix: string;
  readonly hash: string;
}

export interface KeyAdministrationParts {
  readonly store: Pick<Store, "acrossTenants" | "apiKeys" | "namespaces">;
  readonly mint: () => MintedKey | Promise<MintedKey>;
  readonly clock: Clock;
  /** Principal id or name of who acts. */
  readonly actor: string;
  /** Called after each change, for the record and for caches. */
  readonly onChange: (change: CommandedChange) => Promise<void>;
}

export function keyAdministration(parts: KeyAdministrationParts): KeyAdministration {
  const { store, clock } = parts;
  const now = () => clock.now();

  async function issue(key: Omit<ApiKey, Unset>): Promise<{ stored: ApiKey; credential: string }> {
    const { key: credential, prefix, hash } = await parts.mint();
    const stored = await store.apiKeys.create({ ...key, id: Bun.randomUUIDv7(), prefix, hash });
    return { stored, credential };
  }

  /** Of the key before and after; what is told of is the newer. */
  function changed(act: string, tenant: Tenant, before?: ApiKey, after?: ApiKey): Promise<void> {
    const touched = [after, before].filter((key) => key !== undefined);
    return parts.onChange({
      action: `api_key.${act}`,
      organizationId: tenant.organization.id,
      namespaceId: touched[0]?.namespaceId ?? undefined,
      target: `api_key:${touched[0]?.id}`,
      credentials: touched.map(({ id }) => id),
      before: before && shown(before, tenant, now()),
      after: after && shown(after, tenant, now()),
    });
  }

  return {
    async create(request) {
      const pattern = request.permissions.find((permission) => !isPermission(permission));
      if (pattern !== undefined)
        throw refusal(`"${pattern}" is no permission; write server:tool, server:* or *:*`);
      const tenant = await tenantOf(store, request.organization);
      const namespace = request.namespace === undefined ? undefined : namespaceOf(tenant, request.namespace);
      const { stored, credential } = await issue({
        organizationId: tenant.organization.id,
        namespaceId: namespace?.id ?? null,
        userId: null,
        name: request.name,
        type: request.type,
        role: request.role,
        platformAdmin: request.platformAdmin,
        permissions: request.permissions,
        expiresAt: request.lifetimeMs === undefined ? null : now() + request.lifetimeMs,
        createdBy: parts.actor,
      });
      await changed("create", tenant, undefined, stored);
      return { ...summary(stored, tenant, now()), key: credential };
    },

    async list(organization) {
      const tenant = await tenantOf(store, organization);
      return (await keysOf(store, tenant)).map((key) => summary(key, tenant, now()));
    },

    async revoke(organization, idOrPrefix) {
      const tenant = await tenantOf(store, organization);
      const key = await keyOf(store, tenant, idOrPrefix);
      const at = now();
      if (!(await store.apiKeys.revoke(tenant.organization.id, key.id, at)))
        throw refusal(`key ${key.prefix} is revoked already`);
      await changed("revoke", tenant, key);
      return summary({ ...key, revokedAt: at }, tenant, at);
    },

    async rotate(organization, idOrPrefix) {
      const tenant = await tenantOf(store, organization);
      const old = await keyOf(store, tenant, idOrPrefix);
      if (statusOf(old, now()) !== "active")
        throw refusal(`key ${old.prefix} is not active; create a new one`);
      const { id: _id, prefix: _prefix, hash: _hash, ...rights } = old;
      const { stored, credential } = await issue({ ...rights, createdBy: parts.actor });
      await store.apiKeys.revoke(tenant.organization.id, old.id, now());
      await changed("rotate", tenant, old, stored);
      return { ...summary(stored, tenant, now()), key: credential };
    },
  };
}

type Unset = "id" | "prefix" | "hash" | "lastUsedAt" | "isActive" | "revokedAt" | "createdAt" | "updatedAt";

interface Tenant {
  readonly organization: Organization;
  readonly namespaces: readonly Namespace[];
}

async function tenantOf(store: KeyAdministrationParts["store"], slug: string): Promise<Tenant> {
  const organization = await store.acrossTenants.organizationBySlug(slug);
  if (organization === undefined) throw refusal(`there is no organisation "${slug}"`);
  const namespaces = await Array.fromAsync(pages((page) => store.namespaces.list(organization.id, page)));
  return { organization, namespaces };
}

function namespaceOf(tenant: Tenant, slug: string): Namespace {
  const namespace = tenant.namespaces.find((candidate) => candidate.slug === slug);
  if (namespace) return namespace;
  const known = tenant.namespaces.map((candidate) => candidate.slug).join(", ");
  throw refusal(`there is no namespace "${slug}"; there are ${known}`);
}

function keysOf(store: KeyAdministrationParts["store"], tenant: Tenant): Promise<ApiKey[]> {
  return Array.fromAsync(pages((page) => store.apiKeys.list(tenant.organization.id, page)));
}

async function keyOf(
  store: KeyAdministrationParts["store"],
  tenant: Tenant,
  idOrPrefix: string,
): Promise<ApiKey> {
  const found = (await keysOf(store, tenant)).filter(
    (key) => key.id === idOrPrefix || key.prefix === idOrPrefix,
  );
  const [key, second] = found;
  if (key === undefined) throw refusal(`there is no key "${idOrPrefix}"`);
  if (second !== undefined) throw refusal(`several keys begin with ${idOrPrefix}; give the id`);
  return key;
}

function shown(key: ApiKey, { namespaces }: Tenant, now: number): ReturnType<typeof keyView> {
  const { namespaceId } = key;
  return keyView(key, now, namespaces.find(({ id }) => id === namespaceId)?.slug ?? namespaceId);
}
/** Its members stand in the order in which the command line prints them. */
function summary(key: ApiKey, tenant: Tenant, now: number): KeySummary {
  const { id, name, prefix, type, role, platform_admin, permissions, ...view } = shown(key, tenant, now);
  const { namespace, status, created_at, expires_at, last_used_at } = view;
  return {
    ...{ id, name, prefix, type, role, platform_admin, permissions },
    organization: tenant.organization.slug,
    ...{ namespace, status, created_at, expires_at, last_used_at },
  };
}

/** `*`, `server:tool`, `server:*`, `server:resource:…`, each optionally after `namespace/`. */
function isPermission(pattern: string): boolean {
  return !isActPattern(pattern) && /^([a-z0-9-]{1,32}\/)?(\*|[a-z0-9*?-]{1,32}:\S+)$/.test(pattern);
}

function refusal(detail: string): GatewayError {
  return new GatewayError("invalid_params", { detail });
}
