import { expect, test } from "bun:test";
import type { ServerRecord } from "../model/server-record.ts";
import type { TenantRows } from "../model/tenant-rows.ts";
import { SnapshotCompiler, type StoredTenant, tenantsOf } from "./compile.ts";
import { DEFAULT_NAMESPACE_ID, DEFAULT_ORGANIZATION_ID, uuidV5 } from "./identity.ts";
import { fileSchema } from "./schema.ts";
import type { ServerEntry, Settings } from "./settings.ts";
import { toSettings } from "./to-settings.ts";

function settings(file: object) {
  const context = { mode: "test", configPath: "f", workingDir: "/w", generatedKey: undefined } as const;
  return toSettings(fileSchema.parse(file), context);
}

const compiled = (
  settings: Settings,
  tenants: readonly StoredTenant[],
  version = 1,
  demo: readonly ServerEntry[] = [],
) => new SnapshotCompiler().compile(settings, tenants, version, demo);

function stored(...servers: Partial<ServerRecord>[]): readonly [StoredTenant] {
  const organizationId = "org-1";
  const tenant: StoredTenant = {
    organization: { id: organizationId, slug: "default", isActive: true },
    namespaces: [{ id: "ns-1", organizationId, slug: "default", separator: "." }],
    servers: servers.map((server, index) => ({
      id: `server-${index}`,
      organizationId,
      namespaceId: "ns-1",
      name: "a",
      description: "",
      protocol: "stdio",
      url: null,
      command: "run",
      args: [],
      workingDir: null,
      version: null,
      tags: [],
      metadata: {},
      status: "active",
      healthCheckUrl: null,
      timeoutSeconds: 60,
      maxRetries: 1,
      isActive: true,
      settings: {},
      secrets: null,
      secretsUnreadable: false,
      createdBy: null,
      createdAt: 0,
      updatedAt: 0,
      ...server,
    })),
    rateLimits: [],
    policies: [],
  };
  return [tenant];
}

const stdio = (name: string, extra: object = {}) => ({ name, type: "stdio", command: "x", ...extra });
const onlyOf = <T>(values: Iterable<T>): T => {
  const [first, ...rest] = values;
  if (first === undefined || rest.length > 0) throw new Error("not exactly one");
  return first;
};

test("UUIDv5 of RFC 9562, A.4", () => {
  expect(uuidV5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com")).toBe(
    "2ed6657d-e927-568b-95e1-2665a8aea6a2",
  );
});

test("without a store: the default organisation, its namespace, the file's servers in order of name", () => {
  const file = settings({ proxy: { servers: [stdio("b"), stdio("a"), stdio("off", { enabled: false })] } });
  const { snapshot, excluded } = compiled(file, [], 7);
  expect(excluded).toEqual([]);
  expect(snapshot.version).toBe(7);
  const organization = onlyOf(snapshot.organizations.values());
  expect(organization.id).toBe(DEFAULT_ORGANIZATION_ID);
  const namespace = onlyOf(organization.namespacesById.values());
  expect(namespace).toMatchObject({ id: DEFAULT_NAMESPACE_ID, slug: "default", separator: "__" });
  expect(namespace.servers.map((server) => [server.name, server.source])).toEqual([
    ["a", "file"],
    ["b", "file"],
  ]);
});

test("ids of the file's servers are the same everywhere and differ by namespace", () => {
  const file = { proxy: { servers: [stdio("a"), stdio("a", { namespace: "other" })] } };
  const ids = () => {
    const organization = onlyOf(compiled(settings(file), [], 1).snapshot.organizations.values());
    return [...organization.namespacesBySlug.values()].map((namespace) => onlyOf(namespace.servers).id);
  };
  expect(ids()).toEqual(ids());
  expect(new Set(ids()).size).toBe(2);
});

test("the file wins over the store on an equal name, and says so", () => {
  const file = settings({ proxy: { servers: [stdio("a")] } });
  const { snapshot, excluded } = compiled(file, stored({ name: "a" }, { name: "b" }), 1);
  const namespace = onlyOf(onlyOf(snapshot.organizations.values()).namespacesById.values());
  expect(namespace.id).toBe("ns-1");
  expect(namespace.servers.map((server) => [server.name, server.source])).toEqual([
    ["a", "file"],
    ["b", "store"],
  ]);
  expect(excluded).toMatchObject([{ id: "server-0", name: "a", kind: "shadowed" }]);
});

test("a stored server with a mistake is left out and reported, without its secrets", () => {
  const { snapshot, excluded } = compiled(
    settings({}),
    stored(
      { name: "good", settings: { heartbeat: "10s" } },
      { name: "bad", settings: { heartbeat: "soon", what: 1 } },
      { name: "api" },
      { name: "sealed", secretsUnreadable: true },
      {
        name: "http",
        protocol: "sse",
        command: null,
        secrets: { auth: { header: "bad header", value: "s3cret" } },
      },
      { name: "off", isActive: false },
    ),
    1,
  );
  const namespace = onlyOf(onlyOf(snapshot.organizations.values()).namespacesById.values());
  expect(namespace.servers).toMatchObject([
    { name: "good", heartbeatMs: 10_000, timeoutMs: 60_000, source: "store" },
  ]);
  expect(excluded.map(({ name, kind }) => [name, kind])).toEqual([
    ["bad", "invalid"],
    ["api", "invalid"],
    ["sealed", "unreadable"],
    ["http", "invalid"],
  ]);
  expect(excluded[0]?.reason).toContain('heartbeat: found "soon", expected a duration');
  expect(excluded[0]?.reason).toContain("what: found an unknown key");
  expect(JSON.stringify(excluded)).not.toContain("s3cret");
});

test("secrets of a stored server reach its connection", () => {
  const row = {
    name: "h",
    protocol: "streamable-http",
    url: "https://h.test/mcp",
    command: null,
    secrets: { headers: { "x-a": "1" }, auth: { header: "X-Key", value: "v" } },
  };
  const { snapshot, excluded } = compiled(settings({}), stored(row), 1);
  expect(excluded).toEqual([]);
  const namespace = onlyOf(onlyOf(snapshot.organizations.values()).namespacesById.values());
  expect(onlyOf(namespace.servers).connection).toEqual({
    type: "streamable-http",
    url: "https://h.test/mcp",
    headers: { "x-a": "1" },
    auth: { header: "X-Key", value: "v" },
  });
});

test("the fingerprint changes with what a connection needs, and with nothing else", () => {
  const fingerprint = (extra: object) => {
    const file = settings({ proxy: { servers: [stdio("a", extra)] } });
    const organization = onlyOf(compiled(file, [], 1).snapshot.organizations.values());
    return onlyOf(onlyOf(organization.namespacesById.values()).servers).fingerprint;
  };
  const base = fingerprint({});
  expect(fingerprint({ description: "d", tags: ["t"], validate: "off", expose: { tools: ["x"] } })).toBe(
    base,
  );
  for (const extra of [{ command: "y" }, { args: ["1"] }, { environment: { A: "1" } }, { timeout: "1s" }])
    expect(fingerprint(extra)).not.toBe(base);
});

test.each([
  [{}, {}, "digest"],
  [{ content: "full" }, {}, "full"],
  [{}, { content: "redacted" }, "redacted"],
  [{ content: "full" }, { content: "none" }, "none"],
  [{ content: "digest" }, { content: "full" }, "digest"],
  [{ content: "none" }, { content: "redacted" }, "none"],
] as const)("what is kept of a server's calls: %p for all and %p of its own is %s", (audit, own, kept) => {
  const file = settings({ audit, proxy: { servers: [stdio("a", { audit: own })] } });
  const tenant = { settings: { audit: own }, name: "b" };
  const { snapshot } = compiled(file, stored(tenant), 1);
  const [organization] = snapshot.organizations.values();
  const servers = organization?.namespacesBySlug.get("default")?.servers ?? [];
  expect(servers.map(({ name, auditContent }) => [name, auditContent])).toEqual([
    ["a", kept],
    ["b", kept],
  ]);
});

test("a demonstration server gives way to the file and the store", () => {
  const file = settings({ proxy: { servers: [stdio("a")] } });
  const demo = settings({ proxy: { servers: [stdio("a"), stdio("b"), stdio("c")] } }).servers;
  const { snapshot, excluded } = compiled(file, stored({ name: "b" }), 1, demo);
  const namespace = onlyOf(onlyOf(snapshot.organizations.values()).namespacesById.values());
  expect(namespace.servers.map((server) => server.source)).toEqual(["file", "store", "demo"]);
  expect(excluded).toEqual([]);
});

test("an inactive organisation is not served", () => {
  const [tenant] = stored({ name: "a" });
  const inactive = { ...tenant, organization: { ...tenant.organization, isActive: false } };
  expect(compiled(settings({}), [inactive]).snapshot.organizations.size).toBe(0);
});

test("each organisation gets its own rows", () => {
  const [{ organization, ...rows }] = stored({ name: "a" });
  const both = ["org-1", "org-2"].map((id) => ({
    ...organization,
    id,
    slug: id === "org-1" ? "default" : "two",
  }));
  const of = <T extends { readonly organizationId: string }>(list: readonly T[]) => [
    ...list,
    ...list.map((row) => ({ ...row, id: "other", organizationId: "org-2", namespaceId: "ns-2" })),
  ];
  const tenants = tenantsOf({
    organizations: both,
    namespaces: [...rows.namespaces, { ...rows.namespaces[0], id: "ns-2", organizationId: "org-2" }],
    servers: of(rows.servers),
    rateLimits: [],
    policies: [],
    claimMappings: [],
  } as unknown as TenantRows);
  const { snapshot } = compiled(settings({}), tenants);
  const names = [...snapshot.organizations.values()].map(({ id, namespacesBySlug }) => [
    id,
    namespacesBySlug.get("default")?.id,
    namespacesBySlug.get("default")?.servers.map((server) => server.id),
  ]);
  expect(names).toEqual([
    ["org-1", "ns-1", ["server-0"]],
    ["org-2", "ns-2", ["other"]],
  ]);
});

test("routes are resolved in each namespace; what they come to is said where it is nothing", () => {
  const rule = { effect: "route", resources: ["a:*"] };
  const policies = {
    default: "deny",
    rules: [
      { ...rule, name: "fine", route: { server: "b" } },
      { ...rule, name: "lost", route: { server: "nowhere" } },
      { ...rule, name: "typo", resources: ["aa:*"], route: { server: "b" } },
    ],
  };
  const file = settings({ proxy: { servers: [stdio("a"), stdio("b")] }, policies });
  const { snapshot, lostRoutes } = compiled(file, []);
  const organization = onlyOf(snapshot.organizations.values());
  // Routes alone leave roles and permissions to decide, whatever the default.
  expect(organization.policies).toBeUndefined();
  expect(organization.routing?.map(({ name }) => name)).toEqual(["fine", "lost", "typo"]);
  const routes = organization.namespacesBySlug.get("default")?.routes ?? [];
  expect(routes.map(({ policy, serving }) => [policy.name, serving.name, serving.servedBy?.name])).toEqual([
    ["fine", "a", "b"],
    ["lost", "a", "nowhere"],
  ]);
  expect(lostRoutes.map(({ policy, reason }) => [policy, reason.slice(0, 34)])).toEqual([
    ["lost", "It leads from a to nowhere, which "],
    ["typo", "There is no server it is about (aa"],
  ]);
  const without = onlyOf(compiled(settings({}), []).snapshot.organizations.values());
  expect(without.namespacesBySlug.get("default")?.routes).toBeUndefined();
});

test("an organisation whose rows are the same keeps its part; other settings make it again", () => {
  const compiler = new SnapshotCompiler();
  const [mine] = stored({ name: "a" });
  const theirs = (name: string): StoredTenant => {
    const [tenant] = stored({ name });
    return { ...tenant, organization: { id: "org-2", slug: "two", isActive: true } };
  };
  const file = settings({});
  const first = compiler.compile(file, [mine, theirs("b")], 1).snapshot.organizations;
  const second = compiler.compile(file, [mine, theirs("c")], 2).snapshot.organizations;
  expect(second.get("org-1")).toBe(first.get("org-1") as never);
  expect(second.get("org-2")).not.toBe(first.get("org-2") as never);
  const third = compiler.compile(settings({}), [mine], 3).snapshot.organizations;
  expect(third.get("org-1")).not.toBe(first.get("org-1") as never);
});
