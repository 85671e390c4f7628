import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { ClaimMappingRecord } from "../model/claim-mapping.ts";
import type { Policy, PolicyRecord } from "../model/policy.ts";
import { type ContentLevel, contentLevels } from "../model/ports/journal.ts";
import type { RateLimitRecord } from "../model/rate-limit-record.ts";
import type { ServerDefinition } from "../model/server.ts";
import type { ServerRecord } from "../model/server-record.ts";
import type { NamespaceSnapshot, OrganizationSnapshot, Snapshot } from "../model/snapshot.ts";
import type { Namespace, Organization } from "../model/tenancy.ts";
import type { TenantRows } from "../model/tenant-rows.ts";
import { resolveRoutes } from "../policy/authorize/routes.ts";
import { stageOf } from "../policy/limit/compiled-rule.ts";
import { claimMappingOf } from "./claim-mapping.ts";
import { fileLimit, limitsOf } from "./compile-limits.ts";
import { DEFAULT_ORGANIZATION_ID, DEFAULT_SLUG, namespaceIdOf, serverIdOf } from "./identity.ts";
import { problemsOf } from "./issues.ts";
import { compilePolicies, type LostRoute, lostRoutes } from "./policies.ts";
import { type ConfigProblem, formatProblem } from "./problem.ts";
import { type ServerFileEntry, serverSchema } from "./server-schema.ts";
import type { AuditSettings, ServerEntry, Settings } from "./settings.ts";
import { serverEntry } from "./to-settings.ts";

/** What the store has of one organisation's configuration. Never changed: another object stands for another state. */
export interface StoredTenant {
  readonly organization: Pick<Organization, "id" | "slug" | "isActive">;
  readonly namespaces: readonly Pick<Namespace, "id" | "organizationId" | "slug" | "separator">[];
  readonly servers: readonly ServerRecord[];
  readonly rateLimits: readonly RateLimitRecord[];
  readonly policies: readonly PolicyRecord[];
  readonly claimMapping?: ClaimMappingRecord | undefined;
}

/** The rows of several organisations, apart. */
export function tenantsOf(rows: TenantRows): StoredTenant[] {
  const namespaces = Map.groupBy(rows.namespaces, owner);
  const servers = Map.groupBy(rows.servers, owner);
  const rateLimits = Map.groupBy(rows.rateLimits, owner);
  const policies = Map.groupBy(rows.policies, owner);
  const claimMappings = new Map(rows.claimMappings.map((row) => [row.organizationId, row]));
  return rows.organizations.map((organization) => ({
    organization,
    namespaces: namespaces.get(organization.id) ?? [],
    servers: servers.get(organization.id) ?? [],
    rateLimits: rateLimits.get(organization.id) ?? [],
    policies: policies.get(organization.id) ?? [],
    claimMapping: claimMappings.get(organization.id),
  }));
}
const owner = ({ organizationId }: { readonly organizationId: string }): string => organizationId;

/** The file's organisation, while the store does not have it. */
const DEFAULT_TENANT: StoredTenant = {
  organization: { id: DEFAULT_ORGANIZATION_ID, slug: DEFAULT_SLUG, isActive: true },
  namespaces: [],
  servers: [],
  rateLimits: [],
  policies: [],
};

/** A stored server that is not served, and why. */
export interface ExcludedServer {
  readonly id: string;
  readonly name: string;
  readonly organizationId: string;
  readonly namespaceId: string;
  /** `shadowed`: the configuration file has a server of this name. */
  readonly kind: "invalid" | "unreadable" | "shadowed";
  /** In words for the operator; holds no secret. */
  readonly reason: string;
}

export interface Compiled {
  readonly snapshot: Snapshot;
  readonly excluded: readonly ExcludedServer[];
  readonly lostRoutes: readonly LostRoute[];
}

interface CompiledTenant {
  readonly settings: Settings;
  readonly organization: OrganizationSnapshot;
  readonly excluded: readonly ExcludedServer[];
  readonly lostRoutes: readonly LostRoute[];
}

/**
 * Makes the immutable configuration the data plane reads of the file's settings and the store's rows. The file wins on an
 * equal name, and a demonstration server gives way to both. A stored server that is wrong is left out and reported; nothing
 * is thrown. An organisation whose rows are the same object, under the same settings, keeps its part: a write of one tenant
 * costs the same however many there are.
 */
export class SnapshotCompiler {
  readonly #parts = new WeakMap<StoredTenant, CompiledTenant>();

  /** @param demo equal for equal settings */
  compile(
    settings: Settings,
    tenants: Iterable<StoredTenant>,
    version: number,
    demo: readonly ServerEntry[] = [],
  ): Compiled {
    const excluded: ExcludedServer[] = [];
    const lost: LostRoute[] = [];
    const organizations = new Map<string, OrganizationSnapshot>();
    const add = (tenant: StoredTenant): void => {
      const part = this.#part(settings, tenant, demo);
      organizations.set(part.organization.id, part.organization);
      excluded.push(...part.excluded);
      lost.push(...part.lostRoutes);
    };
    let hasDefault = false;
    for (const tenant of tenants) {
      hasDefault ||= tenant.organization.slug === DEFAULT_SLUG;
      if (tenant.organization.isActive) add(tenant);
    }
    if (!hasDefault) add(DEFAULT_TENANT);
    const addressLimits = settings.rateLimits.rules.map(fileLimit).filter((rule) => stageOf(rule) === "door");
    return { snapshot: { version, organizations, addressLimits }, excluded, lostRoutes: lost };
  }

  #part(settings: Settings, tenant: StoredTenant, demo: readonly ServerEntry[]): CompiledTenant {
    const known = this.#parts.get(tenant);
    if (known?.settings === settings) return known;
    const part = { settings, ...compileTenant(settings, tenant, demo) };
    this.#parts.set(tenant, part);
    return part;
  }
}

function compileTenant(
  settings: Settings,
  stored: StoredTenant,
  demo: readonly ServerEntry[],
): Omit<CompiledTenant, "settings"> {
  const { id, slug } = stored.organization;
  const excluded: ExcludedServer[] = [];
  const drafts = namespaceDrafts(slug, settings, stored);
  const entries = slug === DEFAULT_SLUG ? settings.servers : [];
  for (const entry of entries) {
    const draft = drafts.get(entry.namespace);
    if (!draft) continue;
    const serverId = serverIdOf(slug, draft.slug, entry.name);
    draft.servers.set(entry.name, definition(entry, serverId, id, draft.id, "file", settings.audit));
  }
  const byId = new Map([...drafts.values()].map((draft) => [draft.id, draft]));
  for (const row of stored.servers) {
    const draft = byId.get(row.namespaceId);
    if (!draft || !row.isActive) continue;
    const exclusion = addStored(row, draft, settings);
    if (exclusion) excluded.push(exclusion);
  }
  for (const entry of slug === DEFAULT_SLUG ? demo : []) {
    const draft = drafts.get(entry.namespace);
    if (!draft || draft.servers.has(entry.name)) continue;
    const serverId = serverIdOf(slug, draft.slug, entry.name);
    draft.servers.set(entry.name, definition(entry, serverId, id, draft.id, "demo", settings.audit));
  }
  const { policies, routing } = compilePolicies(slug, settings, stored);
  const namespaces = [...drafts.values()].map((draft) => finished(draft, id, routing));
  return {
    organization: {
      id,
      slug,
      namespacesById: new Map(namespaces.map((namespace) => [namespace.id, namespace])),
      namespacesBySlug: new Map(namespaces.map((namespace) => [namespace.slug, namespace])),
      limits: limitsOf(id, settings, stored.rateLimits),
      policies,
      routing,
      claimMapping: claimMappingOf(slug, settings.auth.claimMapping, stored.claimMapping),
    },
    excluded,
    lostRoutes: lostRoutes(id, routing, namespaces),
  };
}

interface NamespaceDraft {
  readonly id: string;
  readonly slug: string;
  readonly separator: string;
  readonly servers: Map<string, ServerDefinition>;
}

/** Namespaces of the store and, for the file's organisation, those the file lists or its servers name; `default` always. */
function namespaceDrafts(
  organizationSlug: string,
  settings: Settings,
  stored: Pick<StoredTenant, "namespaces">,
): Map<string, NamespaceDraft> {
  const drafts = new Map<string, NamespaceDraft>();
  for (const { id, slug, separator } of stored.namespaces)
    drafts.set(slug, { id, slug, separator, servers: new Map() });
  const add = (slug: string, separator: string | undefined) => {
    const known = drafts.get(slug);
    if (known && separator === undefined) return;
    const id = known?.id ?? namespaceIdOf(organizationSlug, slug);
    drafts.set(slug, { id, slug, separator: separator ?? "__", servers: new Map() });
  };
  add(DEFAULT_SLUG, undefined);
  if (organizationSlug !== DEFAULT_SLUG) return drafts;
  for (const { slug, separator } of settings.namespaces) add(slug, separator);
  for (const { namespace } of settings.servers) add(namespace, undefined);
  if (settings.auth.anonymous) add(settings.auth.anonymous.namespace, undefined);
  return drafts;
}

function addStored(row: ServerRecord, draft: NamespaceDraft, settings: Settings): ExcludedServer | undefined {
  const { id, name, organizationId, namespaceId } = row;
  const exclusion = (kind: ExcludedServer["kind"], reason: string): ExcludedServer => ({
    id,
    name,
    organizationId,
    namespaceId,
    kind,
    reason,
  });
  if (draft.servers.get(name)?.source === "file")
    return exclusion("shadowed", `The configuration file has a server "${name}" too; the file's is served.`);
  if (row.secretsUnreadable)
    return exclusion("unreadable", "Its secrets were sealed with a master key that is not configured.");
  const parsed = storedEntry(row);
  if ("problems" in parsed) return exclusion("invalid", parsed.problems.map(formatProblem).join(" "));
  const entry = serverEntry(parsed.entry, settings.serverDefaults, (path) => resolve(settings.dataDir, path));
  draft.servers.set(name, definition(entry, id, organizationId, namespaceId, "store", settings.audit));
  return undefined;
}

/** Checks a stored server by the rules of the file; `settings` holds what has no column, in the file's spelling. */
export function storedEntry(
  row: ServerRecord,
): { readonly entry: ServerFileEntry } | { readonly problems: readonly ConfigProblem[] } {
  const { auth, headers, environment } = row.secrets ?? {};
  const tree = {
    ...row.settings,
    name: row.name,
    type: row.protocol,
    description: row.description,
    tags: row.tags,
    version: row.version,
    metadata: row.metadata,
    connection: { url: row.url, headers },
    auth: auth && { type: "header", ...auth },
    command: row.command,
    args: row.args,
    environment,
    working_dir: row.workingDir,
    timeout: `${row.timeoutSeconds}s`,
    max_retries: row.maxRetries,
  };
  const parsed = serverSchema.safeParse(tree);
  if (parsed.success) return { entry: parsed.data };
  const document = {
    path: "",
    tree,
    places: new Map(),
    problems: [],
    unsetPaths: [],
    variables: new Set<string>(),
  };
  const problems = problemsOf(parsed.error.issues, serverSchema, { document, overrides: [] });
  return { problems: problems.map((problem) => ({ ...problem, source: { kind: "store", id: row.id } })) };
}

/** A stored server as it would be served; without a snapshot, for a dry connection. */
export function serverDefinitionOf(
  row: ServerRecord,
  settings: Pick<Settings, "dataDir" | "audit" | "serverDefaults">,
): { readonly server: ServerDefinition } | { readonly problem: string } {
  const parsed = storedEntry(row);
  if ("problems" in parsed) return { problem: parsed.problems.map(formatProblem).join(" ") };
  const entry = serverEntry(parsed.entry, settings.serverDefaults, (path) => resolve(settings.dataDir, path));
  return { server: definition(entry, row.id, row.organizationId, row.namespaceId, "store", settings.audit) };
}

function definition(
  entry: ServerEntry,
  id: string,
  organizationId: string,
  namespaceId: string,
  source: ServerDefinition["source"],
  audit: Pick<AuditSettings, "content">,
): ServerDefinition {
  const { namespace: _slug, ...settings } = entry;
  const auditContent = keptContent(audit.content, entry.auditContent);
  const fingerprint = fingerprintOf(entry);
  return { ...settings, id, organizationId, namespaceId, source, auditContent, fingerprint };
}

/** What is kept of what is said in calls: of those who say something the least. */
export function keptContent(...said: readonly (ContentLevel | undefined)[]): ContentLevel {
  return contentLevels.find((level) => said.includes(level)) ?? "digest";
}

/**
 * Covers all that an upstream holds for its lifetime: the connection, and the bounds and intervals it runs by. What is
 * read per call or per list (exposure, validation, texts) changes without a new connection.
 */
export function fingerprintOf(entry: ServerEntry): string {
  const { connection, protocol, sharing, retry } = entry;
  const numbers = [
    entry.timeoutMs,
    entry.maxRetries,
    entry.maxConcurrency,
    entry.heartbeatMs,
    entry.refreshIntervalMs,
  ];
  return createHash("sha256")
    .update(JSON.stringify([connection, protocol, sharing, retry, numbers]))
    .digest("base64url")
    .slice(0, 22);
}

function finished(
  { id, slug, separator, ...draft }: NamespaceDraft,
  organizationId: string,
  routing: readonly Policy[] | undefined,
): NamespaceSnapshot {
  const servers = [...draft.servers.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  const routes = routing && resolveRoutes(routing, slug, servers);
  return { id, slug, organizationId, servers, separator, ...(routes !== undefined && { routes }) };
}
