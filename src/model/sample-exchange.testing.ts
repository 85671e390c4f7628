import { Cancellation } from "./cancellation.ts";
import { type Endpoint, type Exchange, type ExchangeInit, newExchange } from "./exchange.ts";
import type { Log } from "./ports/log.ts";
import type { Principal } from "./principal.ts";
import type { ServerDefinition } from "./server.ts";
import type { NamespaceSnapshot, Snapshot } from "./snapshot.ts";

export const ORGANIZATION_ID = "0197a000-0000-7000-8000-000000000001";
export const NAMESPACE_ID = "0197a000-0000-7000-8000-000000000002";

export function samplePrincipal(over: Partial<Principal> = {}): Principal {
  const principal: Principal = {
    id: "key:0197a000-0000-7000-8000-00000000000a",
    kind: "api_key",
    name: "mgw_sample",
    organizationId: ORGANIZATION_ID,
    namespaceId: NAMESPACE_ID,
    namespaceBound: false,
    role: "user",
    platformAdmin: false,
    permissions: ["*"],
    permissionKey: "",
    ...over,
  };
  const { role, platformAdmin, permissions } = principal;
  return {
    ...principal,
    permissionKey: over.permissionKey ?? JSON.stringify([role, platformAdmin, permissions]),
  };
}

export function sampleServer(name: string, over: Partial<ServerDefinition> = {}): ServerDefinition {
  return {
    id: `id-of-${name}`,
    organizationId: ORGANIZATION_ID,
    namespaceId: NAMESPACE_ID,
    name,
    description: "",
    tags: [],
    version: undefined,
    metadata: {},
    connection: { type: "streamable-http", url: `http://${name}.test/mcp`, auth: undefined, headers: {} },
    timeoutMs: 300_000,
    maxRetries: 3,
    maxConcurrency: 100,
    heartbeatMs: 0,
    refreshIntervalMs: 60_000,
    sharing: "shared",
    protocol: "auto",
    validate: "enforce",
    expose: {
      tools: { include: [], exclude: [] },
      resources: { include: [], exclude: [] },
      prompts: { include: [], exclude: [] },
    },
    retry: { safeTools: [], trustAnnotations: false },
    source: "file",
    fingerprint: `fingerprint-of-${name}`,
    ...over,
  };
}

export function sampleNamespace(
  servers: readonly ServerDefinition[],
  over: Partial<NamespaceSnapshot> = {},
): NamespaceSnapshot {
  return {
    id: NAMESPACE_ID,
    slug: "default",
    organizationId: ORGANIZATION_ID,
    servers,
    separator: "__",
    ...over,
  };
}

export function snapshotOf(...namespaces: NamespaceSnapshot[]): Snapshot {
  const organizations = new Map(
    [...new Set(namespaces.map(({ organizationId }) => organizationId))].map((id) => {
      const own = namespaces.filter(({ organizationId }) => organizationId === id);
      return [
        id,
        {
          id,
          slug: id,
          namespacesById: new Map(own.map((namespace) => [namespace.id, namespace])),
          namespacesBySlug: new Map(own.map((namespace) => [namespace.slug, namespace])),
        },
      ];
    }),
  );
  return { version: 1, organizations };
}

export function sampleEndpoint(server?: ServerDefinition): Endpoint {
  return {
    organizationId: ORGANIZATION_ID,
    namespaceId: NAMESPACE_ID,
    namespaceSlug: "default",
    server,
    path: server === undefined ? "/mcp" : `/servers/${server.name}/mcp`,
  };
}

export function sampleExchange(over: Partial<ExchangeInit> = {}): Exchange {
  return newExchange({
    id: "0123456789abcdef",
    method: "tools/call",
    params: {},
    exact: false,
    principal: samplePrincipal(),
    endpoint: sampleEndpoint(),
    client: {
      era: "modern",
      revision: "2026-07-28",
      capabilities: {},
      info: undefined,
      logLevel: undefined,
      sessionId: undefined,
    },
    wantsProgress: false,
    clientAddress: "203.0.113.7",
    limitNote: { closestLimit: undefined },
    traceparent: undefined,
    mirroredHeaders: undefined,
    cancellation: new Cancellation(),
    startedAt: performance.now(),
    notify: () => {},
    ask: () => Promise.reject(new Error("nobody to ask")),
    ...over,
  });
}

export interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** A log that keeps its lines. */
export function keptLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  const log = {
    lines,
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => log,
  };
  return log;
}
