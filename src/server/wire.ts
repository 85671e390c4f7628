import packageJson from "../../package.json" with { type: "json" };
import { keyAdministration } from "../admin/api-keys/key-administration.ts";
import type { CommandedChange } from "../admin/commanded-change.ts";
import { administratorAccounts } from "../admin/users/administrator.ts";
import { displayPrefix, newCredential } from "../auth/api-key/credential.ts";
import { loadApiKeyDigest } from "../auth/api-key/digest.ts";
import { newPassword } from "../auth/user/password.ts";
import { processEnvironment } from "../config/environment.ts";
import type { ServeOptions } from "../config/serve-options.ts";
import type { Settings } from "../config/settings.ts";
import { placeOf } from "../config/store-place.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { EndpointTable } from "../gateway/endpoint-table.ts";
import { Fleet } from "../gateway/fleet.ts";
import { Gateway } from "../gateway/gateway.ts";
import { doorLayers } from "../gateway/pipeline.ts";
import type { Arrival } from "../model/arrival.ts";
import type { IncomingRequest } from "../model/incoming-request.ts";
import { systemClock } from "../model/ports/clock.ts";
import type { Log } from "../model/ports/log.ts";
import { Http1Client } from "../net/http1-client.ts";
import type { HttpAnswer } from "../net/listener/text-answer.ts";
import { OutboundGuard } from "../net/outbound-guard.ts";
import type { BodyLimits } from "../net/request-body.ts";
import { FailureMeter } from "../policy/authenticate/failure-meter.ts";
import { PermissionCache } from "../policy/authorize/permission-cache.ts";
import { scopeRulesBy } from "../policy/authorize/scope-rules.ts";
import { compose } from "../policy/compose.ts";
import { OriginRule } from "../policy/origin/origin.ts";
import { createSealer } from "../storage/sealing.ts";
import { CallCounters } from "../telemetry/call-counters.ts";
import { renderMetrics } from "../telemetry/metrics.ts";
import type { EdgeRequest } from "../transports/streamable-http/edge.ts";
import { serveEndpoint } from "../transports/streamable-http/endpoint.ts";
import { LegacySessions } from "../transports/streamable-http/legacy-sessions.ts";
import { openListenStreams } from "../transports/streamable-http/listen.ts";
import { WaitingRoom } from "../transports/streamable-http/waiting.ts";
import { createMcpUpstreams } from "../upstreams/mcp/mcp-upstreams.ts";
import { LocalChildHost } from "../upstreams/mcp/stdio/local-child-host.ts";
import { openAdminSocket } from "./admin-socket.ts";
import { createAdministration } from "./administration.ts";
import { bootstrap } from "./bootstrap.ts";
import { anonymousPrincipal, withOperatorToken } from "./builtin-principals.ts";
import { Configuration } from "./configuration.ts";
import { composeContents, contentRules } from "./contents.ts";
import { serveControl, serverReadiness } from "./control.ts";
import { openDataDir } from "./data-dir.ts";
import { Duties } from "./duties.ts";
import { commanded, resealed } from "./events.ts";
import { serveForwarded } from "./forwarded.ts";
import { Front } from "./front.ts";
import { followPeers } from "./hints.ts";
import { composeIdentity } from "./identity.ts";
import { openJournal } from "./journal.ts";
import { openLimits } from "./limits.ts";
import { Listener } from "./listen.ts";
import { masterKeysOf } from "./master-keys.ts";
import { openMigratedStore } from "./open-store.ts";
import { openOperatorPort } from "./operator-port.ts";
import { peerAccess } from "./peers.ts";
import { readings } from "./readings.ts";
import { refusedCredentials } from "./refused-credentials.ts";
import { scrape } from "./scrape.ts";
import { StoreSessionLedger } from "./session-ledger.ts";

/** At the end, for requests that were on their way when new connections were refused. */
const CONNECTIONS_MS_MAX = 300;

/** The running gateway as its life cycle handles it. */
export interface Wired {
  readonly url: string;
  readonly version: string;
  readonly newKey: string | undefined;
  serverNames(): readonly string[];
  underWay(): number;
  apply(settings: Settings): void;
  /** `/ready` says 503; requests are still taken. */
  turnAway(): void;
  refuseNewWork(): void;
  interrupt(): void;
  close(): Promise<void>;
}

/** Puts the implementations behind the ports, from the store upwards, and opens the port last. */
export async function wire(options: ServeOptions, log: Log, reload: () => Promise<void>): Promise<Wired> {
  const { settings } = options;
  const serves = settings.role !== "worker";
  const { version } = packageJson;
  const serverInfo = { name: "mcp-gateway", version };
  openDataDir(settings.dataDir);
  const masterKeys = masterKeysOf(settings);
  const sealer = createSealer(masterKeys);
  const store = await openMigratedStore(settings, sealer, log);
  const digest = await loadApiKeyDigest(store.settings);
  const mint = (key = newCredential()) => ({ key, prefix: displayPrefix(key), hash: digest(key) });
  const newKey = await bootstrap(store, settings, mint);
  const journal = openJournal(settings, masterKeys, log);
  const contents = composeContents(settings, journal, sealer);
  const http = new Http1Client(new OutboundGuard(settings.outbound.allow));
  const childHost = new LocalChildHost(processEnvironment(), log);
  const { limits } = settings;
  const createUpstream = createMcpUpstreams({ http, childHost, log, gatewayInfo: serverInfo, limits });
  const fleet = new Fleet(createUpstream, log);
  const challenge = { url: settings.server.url, issuers: settings.providers.map(({ issuer }) => issuer) };
  const claimMappingOf = (id: string) => fleet.organization(id)?.claimMapping;
  const scopesOf = scopeRulesBy(claimMappingOf, challenge);
  const permissions = new PermissionCache((id) => fleet.organization(id)?.policies, scopesOf);
  const calls = new CallCounters(settings.telemetry.seriesMax);
  const access = peerAccess({ settings, worker: options.worker, store, sealer, masterKeys, log });
  const { peers, cluster } = access;
  const limiting = await openLimits(settings, () => configuration.settings.rateLimits.processes, store, log);
  const gateway = new Gateway({
    fleet,
    permissions,
    limits: limiting.limits,
    journal,
    contents,
    sealer,
    peers,
    parkedLimits: settings.limits.parkedCalls,
    log,
    serverInfo,
    observer: {
      ended: (exchange, status, errorCode, durationMs) =>
        calls.count(exchange, status, errorCode, durationMs),
    },
    requestTimeoutMs: settings.limits.requestTimeoutMs,
    now: () => Date.now(),
  });
  const identity = composeIdentity({
    settings,
    store,
    digest,
    sealer,
    http,
    peers,
    clock: systemClock,
    log,
    claimMappingOf,
    held: () => [waiting, sessions.held],
  });
  const { credentials } = identity;
  const authenticator = withOperatorToken(identity.authenticator, settings.telemetry.operatorToken);
  const configuration = new Configuration({
    store,
    fleet,
    log,
    demo: options.demo,
    serves,
    settings,
    onCredentialsChanged: () => void identity.changed("all"),
    onCredentialsConfirmed: (at) => credentials.confirmed(at),
  });
  const ledger = new StoreSessionLedger(store, log);
  ledger.followEnds((id) => sessions.forget(id));
  const sessions = new LegacySessions({
    relay: gateway,
    peers,
    sealer,
    ledger,
    clock: systemClock,
    sessionsMax: settings.limits.sessionsMax,
    sessionsPerPrincipalMax: settings.limits.sessionsPerPrincipalMax,
    sessionIdleMs: settings.limits.sessionIdleMs,
  });
  const waiting = new WaitingRoom();
  const listener = new Listener(log);
  const { bodyBytesMax: bytesMax, bodyTimeoutMs: timeoutMs } = settings.limits;
  const body: BodyLimits = { bytesMax, timeoutMs };
  const endpoints = new EndpointTable(() => fleet.snapshot, permissions);
  const origins = new OriginRule(settings.server.url, settings.cors.allowedOrigins, settings.cors.maxAgeMs);
  let accepting = true;
  let isWanted = true;
  let started = false;
  const onRefused = refusedCredentials(journal, log, systemClock);
  const door = doorLayers<HttpAnswer>({
    host: {
      url: settings.server.url,
      allowedHosts: settings.server.allowedHosts,
      boundTo: settings.server.host,
    },
    origins,
    bodyBytesMax: settings.limits.bodyBytesMax,
    trustedProxies: settings.server.trustedProxies,
    ...limiting.atDoor(() => fleet.snapshot),
    authenticator,
    anonymous: anonymousPrincipal(settings),
    failures: new FailureMeter(systemClock, settings.limits.failedAuthPerMinuteMax),
    onFailure: (arrival, presented) => {
      if (presented) onRefused(arrival);
    },
  });
  const endpointDeps = {
    relay: gateway,
    peers,
    waiting,
    serverInfo,
    log,
    streamsMax: settings.limits.streamsMax,
    streamsPerPrincipalMax: settings.limits.streamsPerPrincipalMax,
    batchMax: settings.limits.batchMax,
    sessions,
    jsonLimits: { depthMax: settings.limits.jsonDepthMax, itemsMax: settings.limits.jsonItemsMax },
    body,
  };
  const ownMetrics = () =>
    renderMetrics({
      calls,
      upstreams: () => fleet.upstreams,
      namespaceSlug: (server) => fleet.namespaceSlug(server),
      readings: readings({ gateway, journal, sessions, front, waiting, cluster, limiting }),
      version,
    });
  const controlDeps = {
    gateway,
    fleet,
    endpoints,
    permissions,
    version,
    readiness: () => ({
      ready: isWanted && started,
      details: {
        store: configuration.storeIsAway ? "away" : "ok",
        servers: fleet.upstreams.map(serverReadiness),
        ...(cluster !== undefined && { process: cluster.id, peers: cluster.directory.others }),
      },
    }),
    metrics: scrape(ownMetrics, options.worker && cluster, () => configuration.settings.features.metrics),
    identify: async (request: IncomingRequest) => authenticator.authenticate(bearer(request)),
  };
  const serveMcp = (request: EdgeRequest) => serveEndpoint(endpointDeps, request);
  const front: Front = new Front({
    door: (terminal) => compose<Arrival, HttpAnswer>(door, terminal).run,
    origins,
    challenge,
    onRefused,
    endpoints,
    serveMcp: serves ? serveMcp : () => Promise.reject(new GatewayError("not_found")),
    receivePeer: (act, request) => access.receive(act, request),
    serveControl: (admitted) => serveControl(controlDeps, admitted),
    serveAdmin: createAdministration({
      store,
      journal,
      sealer,
      log,
      fleet,
      peers,
      cluster,
      settings,
      body,
      waiting,
      limiting,
      scopesOf,
      createUpstream,
      mint: () => mint(),
      look: () => look(),
      forgetSession: (id) => sessions.forget(id),
      identity,
      invalidate: (id) => void identity.changed(id),
      statistics: async () => ({
        requests_under_way: front.underWay,
        sessions: sessions.size,
        parked_calls: gateway.parked,
      }),
    }),
    concurrentRequestsMax: settings.limits.concurrentRequestsMax,
    refusal: () => (accepting ? (started ? undefined : "starting") : "shutting_down"),
    secure: settings.server.url.startsWith("https:"),
    log,
  });
  const listening = {
    host: settings.server.host,
    port: settings.server.port,
    shared: options.worker !== undefined,
    tls: settings.server.tls,
    idleMsMax: settings.limits.idleConnectionMs,
  };
  const duties = new Duties({
    store,
    holder: peers.id,
    sessionIdleMs: settings.limits.sessionIdleMs,
    retentionMs: () => configuration.settings.audit.retentionMs,
    log,
  });
  const look = () => configuration.look();
  followPeers({ peers, fleet, identity, look, open: [waiting, sessions], limiting });
  const open = async () => {
    const { port } = listener.start(listening, front);
    await access.join({
      serve: (envelope, signal) => serveForwarded({ endpoints, serveMcp }, envelope, signal),
      metrics: async () => (await ownMetrics()).text,
      standings: limiting.answerStandings,
    });
    return port;
  };
  const isFirst = (options.worker?.index ?? 0) === 0;
  const operatorAddress = isFirst ? settings.telemetry.listen : undefined;
  const closeOperatorPort = openOperatorPort(operatorAddress, settings.server, controlDeps);
  // Behind a shared port nobody passes over a worker that is not ready yet, so it opens its own last.
  const first = options.worker === undefined ? await open() : undefined;
  await configuration.start();
  await limiting.load(fleet.snapshot);
  // Others serve meanwhile: clients need not see this process without its servers.
  const othersServe = options.worker?.isReplacement === true || (await cluster?.hasOtherReplicas()) === true;
  if (othersServe) await fleet.settled();
  const port = first ?? (await open());
  if (settings.role !== "api") duties.start();
  const onCommandedChange = async (change: CommandedChange): Promise<void> => {
    for (const id of change.credentials) identity.changed(id);
    await peers.tell({ kind: "store_changed" });
    await journal.event(commanded(change));
  };
  const openCommandLine = isFirst ? openAdminSocket : () => () => {};
  const adminSocket = openCommandLine(settings.adminSocketPath, {
    keys: keyAdministration({
      store,
      mint: () => mint(),
      clock: systemClock,
      actor: "cli",
      onChange: onCommandedChange,
    }),
    administrators: administratorAccounts({
      store,
      clock: systemClock,
      newPassword,
      hash: (password) => identity.passwords.hash(password),
      onChange: onCommandedChange,
    }),
    reseal: async () => {
      const report = await store.rotateKeys();
      await journal.event(resealed(report));
      return report;
    },
    reload,
    status: () => ({ version, pid: process.pid, store: placeOf(settings.store) }),
  });
  started = true;
  return {
    url: settings.server.url.replace(/:0$/, `:${port}`),
    version,
    newKey,
    serverNames: () => fleet.upstreams.map((upstream) => upstream.server.name),
    underWay: () => waiting.size - openListenStreams() + (cluster?.callsForwarded ?? 0),
    apply: (next) => {
      contents.configure(contentRules(next));
      configuration.apply(next);
    },
    turnAway: () => {
      isWanted = false;
    },
    refuseNewWork: () => {
      accepting = false;
      gateway.abandonParked();
    },
    interrupt: () => {
      waiting.interrupt();
      sessions.close();
      cluster?.endForwards();
    },
    close: async () => {
      configuration.stop();
      adminSocket();
      await listener.stop(CONNECTIONS_MS_MAX);
      await closeOperatorPort();
      await fleet.close();
      await childHost.close();
      http.close();
      await duties.stop();
      await access.leave();
      await ledger.close();
      await credentials.flush();
      await limiting.close();
      await journal.close();
      await store.close();
    },
  };
}

function bearer(request: IncomingRequest): string {
  return request.headers.get("authorization")?.replace(/^bearer /i, "") ?? "";
}
