import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { isLoopbackHost } from "./kinds.ts";
import { draftOf } from "./limit-schema.ts";
import { providersOf } from "./providers.ts";
import type { FileSettings } from "./schema.ts";
import type { ServerFileDefaults, ServerFileEntry } from "./server-schema.ts";
import type {
  LimitSettings,
  Mode,
  ServerDefaults,
  ServerEntry,
  Settings,
  StoreSettings,
} from "./settings.ts";

export interface SettingsContext {
  readonly mode: Mode;
  readonly configPath: string | undefined;
  readonly workingDir: string;
  readonly generatedKey: readonly string[] | undefined;
}

/** The file's values under the program's names, with the defaults that depend on other settings. */
export function toSettings(file: FileSettings, context: SettingsContext): Settings {
  const dataDir = resolve(context.workingDir, file.data_dir);
  const path = (text: string) => resolve(context.workingDir, text);
  const serverDefaults = defaultsOf(file.proxy.defaults);
  return {
    mode: context.mode,
    role: file.role,
    workers: file.workers === "auto" ? workersOf(file) : file.workers,
    cluster: { advertiseUrl: file.cluster.advertise_url },
    configPath: context.configPath,
    dataDir,
    adminSocketPath: join(dataDir, "admin.sock"),
    secrets: {
      masterKeys: file.master_key ?? context.generatedKey ?? [],
      generatedKeyPath: join(dataDir, "master.key"),
      bootstrapKey: file.bootstrap_key,
    },
    server: listenerSettings(file.server, path),
    servers: file.proxy.servers
      .filter((entry) => entry.enabled)
      .map((entry) => serverEntry(entry, serverDefaults, path)),
    serverDefaults,
    namespaces: file.namespaces,
    policies: {
      defaultEffect: file.policies.default ?? (context.mode === "production" ? "deny" : "allow"),
      rules: file.policies.rules.filter((rule) => rule.enabled),
    },
    auth: { anonymous: file.auth.anonymous, claimMapping: claimMapping(file.auth) },
    providers: providersOf(file.oauth, listenerSettings(file.server, path).url),
    store: storeSettings(file.store, dataDir, path),
    redis: file.redis,
    rateLimits: {
      rules: file.rate_limits.rules.map(draftOf),
      defaults: [...file.rate_limits.defaults.map(draftOf), ...file.rate_limits.default_rates],
      processes: file.rate_limits.processes,
    },
    audit: {
      durability: file.audit.durability,
      waitsForStore: file.audit.confirm === "store",
      content: file.audit.content,
      contentBytesMax: file.audit.content_max,
      secretNames: file.audit.redact.names,
      secretPaths: file.audit.redact.paths,
      retentionMs: file.audit.retention,
      journalDir: path(file.audit.journal.dir ?? join(dataDir, "journal")),
      segmentBytesMax: file.audit.journal.segment,
      journalBytesMax: file.audit.journal.cap,
      journalRetainMs: file.audit.journal.retain,
    },
    logging: {
      level: file.logging.level,
      format: file.logging.format ?? (context.mode === "development" ? "text" : "json"),
    },
    limits: limitSettings(file.limits),
    cors: { allowedOrigins: file.cors.allowed_origins, maxAgeMs: file.cors.max_age },
    outbound: { allow: file.outbound.allow ?? (context.mode === "development" ? ["loopback"] : []) },
    telemetry: {
      listen: file.telemetry.listen,
      operatorToken: file.telemetry.operator_token,
      seriesMax: file.telemetry.series_max,
    },
    features: {
      ...file.features,
      demo: file.features.demo ?? (context.mode === "development" && context.configPath === undefined),
    },
  };
}

/** `undefined` where none of its keys is in the file: then it may be set over the API. */
function claimMapping({ claims, mappings, permissions, options }: FileSettings["auth"]) {
  const { scope_mode: scopeMode, default_scope: defaultScope } = options;
  if ([claims, mappings, permissions, scopeMode, defaultScope].every((one) => one === undefined))
    return undefined;
  return {
    claims,
    mappings: mappings ?? {},
    permissions: permissions ?? {},
    scopeMode: scopeMode ?? "any",
    defaultScope,
  };
}

/** An embedded store has one process however many processors there are. */
function workersOf({ store }: FileSettings): number {
  return store.url?.startsWith("postgres") === true ? availableParallelism() : 1;
}

function listenerSettings(file: FileSettings["server"], path: (text: string) => string): Settings["server"] {
  const scheme = file.tls ? "https" : "http";
  return {
    url: (file.url ?? `${scheme}://localhost:${file.port}`).replace(/\/+$/, ""),
    urlGiven: file.url !== undefined,
    host: file.host,
    port: file.port,
    loopback: isLoopbackHost(file.host),
    allowedHosts: file.allowed_hosts,
    trustedProxies: file.trusted_proxies,
    tls: file.tls && { certPath: path(file.tls.cert), keyPath: path(file.tls.key) },
    shutdownDelayMs: file.shutdown.delay,
    shutdownDrainMs: file.shutdown.drain,
  };
}

function storeSettings(
  file: FileSettings["store"],
  dataDir: string,
  path: (text: string) => string,
): StoreSettings {
  if (file.url?.startsWith("postgres")) {
    return {
      kind: "postgres",
      url: file.url,
      poolMax: file.pool.max,
      connectTimeoutMs: file.pool.connect_timeout,
      idleTimeoutMs: file.pool.idle_timeout,
      statementTimeoutMs: file.pool.statement_timeout,
      migrates: file.migrate === "auto",
    };
  }
  const named = file.url?.replace(/^sqlite:(\/\/)?/, "") ?? file.path;
  return {
    kind: "sqlite",
    path: path(named ?? join(dataDir, "gateway.db")),
    migrates: file.migrate !== "manual",
  };
}

function defaultsOf(file: ServerFileDefaults): ServerDefaults {
  return {
    timeoutMs: file.timeout,
    maxRetries: file.max_retries,
    maxConcurrency: file.max_concurrency,
    heartbeatMs: file.heartbeat,
    refreshIntervalMs: file.refresh_interval,
  };
}

/** A validated entry, of the file or of the store, under the program's names. */
export function serverEntry(
  entry: ServerFileEntry,
  defaults: ServerDefaults,
  path: (text: string) => string,
): ServerEntry {
  return {
    name: entry.name,
    namespace: entry.namespace,
    description: entry.description,
    tags: entry.tags,
    version: entry.version,
    metadata: entry.metadata,
    connection:
      entry.type === "stdio"
        ? {
            type: "stdio",
            command: entry.command ?? "",
            args: entry.args,
            environment: entry.environment,
            workingDir: entry.working_dir === undefined ? undefined : path(entry.working_dir),
          }
        : {
            type: entry.type,
            url: entry.connection.url ?? "",
            auth: credential(entry.auth),
            headers: entry.connection.headers,
          },
    timeoutMs: entry.timeout ?? entry.connection.timeout ?? defaults.timeoutMs,
    maxRetries: entry.max_retries ?? defaults.maxRetries,
    maxConcurrency: entry.max_concurrency ?? defaults.maxConcurrency,
    heartbeatMs: entry.heartbeat ?? defaults.heartbeatMs,
    refreshIntervalMs: entry.refresh_interval ?? defaults.refreshIntervalMs,
    sharing: entry.sharing ?? (entry.type === "streamable-http" ? "shared" : "per_principal"),
    protocol: entry.protocol,
    validate: entry.validate,
    expose: entry.expose,
    auditContent: entry.audit.content,
    retry: { safeTools: entry.retry.safe_tools, trustAnnotations: entry.retry.trust_annotations },
  };
}

function credential(auth: ServerFileEntry["auth"]): { header: string; value: string } | undefined {
  if (auth === undefined || auth.type === "none") return undefined;
  if (auth.type === "bearer")
    return { header: "Authorization", value: `Bearer ${auth.token ?? auth.value ?? ""}` };
  return { header: auth.header ?? "", value: auth.value ?? "" };
}

function limitSettings(file: FileSettings["limits"]): LimitSettings {
  return {
    bodyBytesMax: file.body,
    resultBytesMax: file.result,
    jsonDepthMax: file.json_depth,
    jsonItemsMax: file.json_items,
    batchMax: file.batch,
    requestTimeoutMs: file.request_timeout,
    bodyTimeoutMs: file.body_timeout,
    idleConnectionMs: file.idle_connection,
    concurrentRequestsMax: file.concurrent_requests,
    sessionsMax: file.sessions,
    sessionsPerPrincipalMax: file.sessions_per_principal,
    sessionIdleMs: file.session_idle,
    parkedCalls: {
      callsMax: file.parked_calls,
      callsPerPrincipalMax: file.parked_calls_per_principal,
      lifeMs: file.parked_call_life,
    },
    streamsMax: file.streams,
    streamsPerPrincipalMax: file.streams_per_principal,
    failedAuthPerMinuteMax: file.failed_auth_per_minute,
  };
}
