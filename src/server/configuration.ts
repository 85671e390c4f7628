import { SnapshotCompiler, type StoredTenant, tenantsOf } from "../config/compile.ts";
import { DEFAULT_ORGANIZATION_ID, DEFAULT_SLUG, namespaceIdOf } from "../config/identity.ts";
import type { LostRoute } from "../config/policies.ts";
import type { Settings } from "../config/settings.ts";
import type { Fleet } from "../gateway/fleet.ts";
import type { Log } from "../model/ports/log.ts";
import type { Store } from "../model/ports/store.ts";
import { demoServers } from "./demo.ts";

const POLL_MS = 2_000;
const PAGE = 1_000;
/** Organisations read at once. */
const TENANTS_AT_ONCE = 500;

/**
 * Keeps the running configuration in step with the file and the store: either changes, one snapshot is compiled and
 * swapped, of which only the changed organisations' parts are read and made again. Other processes' writes are noticed by a
 * version row every 2 s.
 */
export class Configuration {
  readonly #store: Store;
  readonly #fleet: Fleet;
  readonly #log: Log;
  readonly #demo: boolean;
  readonly #serves: boolean;
  readonly #onCredentialsChanged: () => void;
  readonly #onCredentialsConfirmed: (at: number) => void;
  #settings: Settings;
  #version = 0;
  #seenConfig = -1;
  #seenCredentials = -1;
  #storeIsAway = false;
  #tenants: ReadonlyMap<string, StoredTenant> = new Map();
  readonly #compiler = new SnapshotCompiler();
  #lostRoutes: ReadonlySet<string> = new Set();
  #looking: Promise<void> = Promise.resolve();
  #poll: ReturnType<typeof setInterval> | undefined;

  constructor(deps: {
    readonly store: Store;
    readonly fleet: Fleet;
    readonly log: Log;
    readonly demo: boolean;
    /** False for a process that calls no server: it connects to none. */
    readonly serves: boolean;
    readonly settings: Settings;
    readonly onCredentialsChanged: () => void;
    /** They are as they were; `at` is when the store was asked. */
    readonly onCredentialsConfirmed: (at: number) => void;
  }) {
    this.#store = deps.store;
    this.#fleet = deps.fleet;
    this.#log = deps.log;
    this.#demo = deps.demo;
    this.#serves = deps.serves;
    this.#settings = deps.settings;
    this.#onCredentialsChanged = deps.onCredentialsChanged;
    this.#onCredentialsConfirmed = deps.onCredentialsConfirmed;
  }

  get settings(): Settings {
    return this.#settings;
  }
  get storeIsAway(): boolean {
    return this.#storeIsAway;
  }

  /** Reads the store, compiles, applies, and follows. */
  async start(): Promise<void> {
    await this.look();
    if (this.#version === 0) this.#compile();
    this.#poll = setInterval(() => void this.look(), POLL_MS);
  }

  /** A good change of the file. */
  apply(settings: Settings): void {
    this.#settings = settings;
    this.#compile();
  }

  stop(): void {
    clearInterval(this.#poll);
  }

  /** Looks for changes in the store now; one look at a time. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    try {
      const askedAt = Date.now();
      const { config, credentials } = await this.#store.versions();
      // The first version counts as a change: what was answered before it may be older.
      if (credentials === this.#seenCredentials) this.#onCredentialsConfirmed(askedAt);
      else this.#onCredentialsChanged();
      this.#seenCredentials = credentials;
      if (config !== this.#seenConfig) {
        await this.#ensureNamespaces();
        this.#tenants = await this.#readStore();
        this.#compile();
        this.#seenConfig = config;
      }
      if (this.#storeIsAway) this.#log.info({}, "the store is back");
      this.#storeIsAway = false;
    } catch (cause) {
      if (!this.#storeIsAway)
        this.#log.error({ err: cause }, "the store cannot be read; serving what is known");
      this.#storeIsAway = true;
    }
  }

  /** Rows refer to namespaces, so those the file names exist in the store too. */
  async #ensureNamespaces(): Promise<void> {
    const wanted = new Set(
      [...this.#settings.namespaces, ...this.#settings.servers.map((s) => ({ slug: s.namespace }))].map(
        (n) => n.slug,
      ),
    );
    wanted.delete(DEFAULT_SLUG);
    for (const slug of wanted) {
      if ((await this.#store.namespaces.findBySlug(DEFAULT_ORGANIZATION_ID, slug)) !== undefined) continue;
      const entry = this.#settings.namespaces.find((namespace) => namespace.slug === slug);
      await this.#store.namespaces.create({
        id: namespaceIdOf(DEFAULT_SLUG, slug),
        organizationId: DEFAULT_ORGANIZATION_ID,
        slug,
        name: slug,
        ...(entry !== undefined && { description: entry.description, separator: entry.separator }),
      });
    }
  }

  async #readStore(): Promise<ReadonlyMap<string, StoredTenant>> {
    const { acrossTenants } = this.#store;
    if (this.#seenConfig < 0) return this.#readTenants(await this.#organizationIds());
    const changed = await acrossTenants.organizationsChangedSince(this.#seenConfig);
    const tenants = new Map([...this.#tenants, ...(await this.#readTenants(changed))]);
    if ((await acrossTenants.organizationCount()) === tenants.size) return tenants;
    const ids = await this.#organizationIds();
    const added = await this.#readTenants(ids.filter((id) => !tenants.has(id)));
    return new Map(
      ids.flatMap((id) => {
        const tenant = tenants.get(id) ?? added.get(id);
        return tenant === undefined ? [] : [[id, tenant] as const];
      }),
    );
  }

  async #readTenants(ids: readonly string[]): Promise<Map<string, StoredTenant>> {
    const tenants = new Map<string, StoredTenant>();
    for (let from = 0; from < ids.length; from += TENANTS_AT_ONCE) {
      const rows = await this.#store.acrossTenants.configurationOf(ids.slice(from, from + TENANTS_AT_ONCE));
      for (const tenant of tenantsOf(rows)) tenants.set(tenant.organization.id, tenant);
    }
    return tenants;
  }

  async #organizationIds(): Promise<string[]> {
    const ids: string[] = [];
    for (;;) {
      const after = ids.at(-1);
      const page = await this.#store.acrossTenants.organizations({ limit: PAGE, after });
      ids.push(...page.map(({ id }) => id));
      if (page.length < PAGE) return ids;
    }
  }

  /** Once each, until it is mended and lost again. */
  #reportLostRoutes(lost: readonly LostRoute[]): void {
    const texts = new Set<string>();
    for (const { policy, organizationId, reason } of lost) {
      const text = `${organizationId} ${policy} ${reason}`;
      texts.add(text);
      if (!this.#lostRoutes.has(text))
        this.#log.warn({ policy, organizationId, reason }, "route leads nowhere");
    }
    this.#lostRoutes = texts;
  }

  #compile(): void {
    if (!this.#serves) return;
    const demo = this.#demo ? demoServers(this.#settings) : [];
    const { snapshot, excluded, lostRoutes } = this.#compiler.compile(
      this.#settings,
      this.#tenants.values(),
      ++this.#version,
      demo,
    );
    for (const one of excluded)
      this.#log.warn({ server: one.name, kind: one.kind, reason: one.reason }, "server is not served");
    this.#reportLostRoutes(lostRoutes);
    this.#fleet.apply(snapshot);
  }
}
