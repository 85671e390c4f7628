import type { Settings } from "./settings.ts";

/** Settings the process holds from its start, by the key of the file. */
const fixed: readonly (readonly [key: string, read: (settings: Settings) => unknown])[] = [
  ["data_dir", (settings) => settings.dataDir],
  ["role", (settings) => settings.role],
  ["workers", (settings) => settings.workers],
  ["cluster", (settings) => settings.cluster],
  ["master_key", (settings) => settings.secrets.masterKeys],
  ["bootstrap_key", (settings) => settings.secrets.bootstrapKey],
  ["server.url", ({ server }) => (server.urlGiven ? server.url : undefined)],
  ["server.host", (settings) => settings.server.host],
  ["server.port", (settings) => settings.server.port],
  ["server.allowed_hosts", (settings) => settings.server.allowedHosts],
  ["server.trusted_proxies", (settings) => settings.server.trustedProxies],
  ["server.shutdown.delay", (settings) => settings.server.shutdownDelayMs],
  ["server.shutdown.drain", (settings) => settings.server.shutdownDrainMs],
  ["server.tls", (settings) => settings.server.tls],
  ["auth.anonymous", (settings) => settings.auth.anonymous],
  ["oauth", (settings) => settings.providers],
  ["store", (settings) => settings.store],
  ["redis", (settings) => settings.redis],
  ["audit.durability", (settings) => settings.audit.durability],
  ["audit.confirm", (settings) => settings.audit.waitsForStore],
  [
    "audit.journal",
    ({ audit }) => [audit.journalDir, audit.segmentBytesMax, audit.journalBytesMax, audit.journalRetainMs],
  ],
  ["logging.format", (settings) => settings.logging.format],
  ["limits", (settings) => settings.limits],
  ["cors", (settings) => settings.cors],
  ["outbound", (settings) => settings.outbound],
  ["telemetry", (settings) => settings.telemetry],
  ["features.demo", (settings) => settings.features.demo],
];

/**
 * The new settings as far as a running process can take them on, and the keys of those that wait for its next start:
 * these keep their present values, so that nothing in the process believes otherwise.
 */
export function applicable(
  current: Settings,
  next: Settings,
): { readonly settings: Settings; readonly restartNeeded: readonly string[] } {
  const restartNeeded = fixed
    .filter(([, read]) => JSON.stringify(read(current)) !== JSON.stringify(read(next)))
    .map(([key]) => key)
    // A first start generates its key after the settings were read; finding it in the data directory later is no change.
    .filter((key) => key !== "master_key" || current.secrets.masterKeys.length > 0);
  if (restartNeeded.length === 0) return { settings: next, restartNeeded };
  const { audit } = current;
  const settings: Settings = {
    ...next,
    role: current.role,
    workers: current.workers,
    cluster: current.cluster,
    dataDir: current.dataDir,
    adminSocketPath: current.adminSocketPath,
    secrets: current.secrets,
    store: current.store,
    redis: current.redis,
    server: current.server,
    auth: { ...next.auth, anonymous: current.auth.anonymous },
    providers: current.providers,
    audit: {
      ...next.audit,
      durability: audit.durability,
      waitsForStore: audit.waitsForStore,
      journalDir: audit.journalDir,
      segmentBytesMax: audit.segmentBytesMax,
      journalBytesMax: audit.journalBytesMax,
      journalRetainMs: audit.journalRetainMs,
    },
    logging: { ...next.logging, format: current.logging.format },
    limits: current.limits,
    cors: current.cors,
    outbound: current.outbound,
    telemetry: current.telemetry,
    features: { ...next.features, demo: current.features.demo },
  };
  return { settings, restartNeeded };
}
