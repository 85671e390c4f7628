import packageJson from "../../package.json" with { type: "json" };
import { Administration } from "../admin/administration.ts";
import { openApiDocument } from "../admin/documentation/openapi.ts";
import type { AdminParts, ConnectionStep } from "../admin/parts.ts";
import { adminRoutes } from "../admin/routes.ts";
import type { OpenAnswers } from "../admin/streamed-answer.ts";
import { verbsOf } from "../admin/verbs.ts";
import { storedCallers } from "../auth/stored-callers.ts";
import { serverDefinitionOf } from "../config/compile.ts";
import { DEFAULT_ORGANIZATION_ID } from "../config/identity.ts";
import type { Settings } from "../config/settings.ts";
import type { Fleet } from "../gateway/fleet.ts";
import { type ClaimMapping, NO_CLAIM_MAPPING, patternsPermitted } from "../model/claim-mapping.ts";
import { systemClock } from "../model/ports/clock.ts";
import type { Journal } from "../model/ports/journal.ts";
import type { Log } from "../model/ports/log.ts";
import type { Peers } from "../model/ports/peers.ts";
import type { Sealer } from "../model/ports/sealer.ts";
import type { Store } from "../model/ports/store.ts";
import type { UpstreamFactory } from "../model/ports/upstream.ts";
import type { ServerRecord } from "../model/server-record.ts";
import type { HttpAnswer } from "../net/listener/text-answer.ts";
import type { BodyLimits } from "../net/request-body.ts";
import type { Cluster } from "../peers/cluster.ts";
import type { ScopeRules } from "../policy/authorize/scope-rules.ts";
import { openContent } from "../policy/record/sealed-content.ts";
import type { Waiter, WaitingRoom } from "../transports/streamable-http/waiting.ts";
import type { Admitted } from "./front.ts";
import type { Identity } from "./identity.ts";
import { standings } from "./limit-standings.ts";
import type { LimitParts } from "./limits.ts";

/** A dry connection that takes longer says so and is given up. */
const TEST_MS_MAX = 15_000;
const LOOK_MS = 20;

export interface AdministrationDeps {
  readonly store: Store;
  readonly journal: Journal;
  readonly sealer: Sealer;
  readonly log: Log;
  readonly fleet: Fleet;
  readonly peers: Pick<Peers, "tell">;
  /** Where there are other processes. */
  readonly cluster: Cluster | undefined;
  readonly settings: Settings;
  readonly body: BodyLimits;
  readonly waiting: WaitingRoom;
  readonly limiting: LimitParts;
  readonly identity: Identity;
  readonly scopesOf: (organizationId: string) => ScopeRules;
  readonly createUpstream: UpstreamFactory;
  readonly mint: () => { readonly key: string; readonly prefix: string; readonly hash: string };
  readonly look: () => Promise<void>;
  /** Ends what this process holds of a session. */
  readonly forgetSession: (id: string) => void;
  readonly invalidate: (keyId: string | "all") => void;
  readonly statistics: () => Promise<Readonly<Record<string, number>>>;
}

/** The control plane over the running gateway. */
export function createAdministration(deps: AdministrationDeps): (admitted: Admitted) => Promise<HttpAnswer> {
  const { store, fleet, settings, peers, limiting } = deps;
  let document: object | undefined;
  const parts: AdminParts = {
    store,
    clock: systemClock,
    log: deps.log,
    openApi: () => {
      if (!settings.features.documentation) return undefined;
      document ??= openApiDocument(adminRoutes, packageJson.version);
      return document;
    },
    organization: (id) => fleet.organization(id),
    policyDefault: () => settings.policies.defaultEffect,
    verbs: verbsOf(adminRoutes),
    running: (serverId) => {
      const upstream = fleet.upstream(serverId);
      if (upstream === undefined) return undefined;
      const catalog = fleet.catalog(upstream.server.namespaceId);
      const part = catalog?.parts.find((one) => one.server.id === serverId);
      return { server: upstream.server, state: upstream.state, part };
    },
    refresh: async () => {
      await deps.look();
      void peers.tell({ kind: "store_changed" });
    },
    credentialsChanged: (keyId) => {
      deps.invalidate(keyId);
      void peers.tell({ kind: "store_changed" });
    },
    callers: storedCallers(store, systemClock),
    scopes: {
      granted: (organizationId, scopes) =>
        patternsPermitted(fleet.organization(organizationId)?.claimMapping ?? NO_CLAIM_MAPPING, scopes),
      rules: deps.scopesOf,
    },
    providers: () => settings.providers,
    protectedResource: () => ({
      url: settings.server.url,
      issuers: settings.providers.map(({ issuer }) => issuer),
      scopes: scopesOffered(fleet.organization(DEFAULT_ORGANIZATION_ID)?.claimMapping),
    }),
    identity: {
      signIns: deps.identity.signIns,
      clientTokens: deps.identity.clientTokens,
      provider: (name) => deps.identity.providerSignIns.get(name),
      jwks: async () => ({ keys: (await deps.identity.keyRing.jwks()).keys.map((key) => ({ ...key })) }),
    },
    mintKey: deps.mint,
    testServer: (record) => testServer(record, settings, deps.createUpstream),
    endSession: async (organizationId, id) => {
      const wasActive = await store.sessions.end(organizationId, id, "terminated", Date.now());
      deps.forgetSession(id);
      await peers.tell({ kind: "session_ended", sessionId: id });
      return wasActive;
    },
    limits: {
      standings: (rule, subjects) =>
        standings(limiting.limiter, limiting.isSharedOut() ? deps.cluster : undefined, { rule, subjects }),
      reset: async (rule, subject) => {
        await limiting.reset(rule, subject);
        await peers.tell({ kind: "limits_reset" });
      },
      flush: async () => {
        await Promise.all([limiting.ledger.flush(), peers.tell({ kind: "usage_wanted" })]);
      },
    },
    openContent: (entry) => openContent(deps.sealer, entry),
    statistics: deps.statistics,
  };
  const administration = new Administration({
    parts,
    journal: deps.journal,
    limits: deps.limiting.limits,
    jsonLimits: { depthMax: settings.limits.jsonDepthMax, itemsMax: settings.limits.jsonItemsMax },
    body: deps.body,
    openAnswers: openAnswers(deps.waiting),
    routes: adminRoutes,
  });
  return ({ arrival, match, headers }) =>
    administration.serve(match.route.path, {
      path: match.route.path,
      request: arrival.request,
      params: match.params,
      principal: arrival.principal,
      correlationId: arrival.id,
      clientAddress: arrival.clientAddress,
      limitNote: arrival,
      headers,
    });
}

/** Answers that are read for long wait in the room of all open streams: whoever loses its rights loses them too. */
function openAnswers(waiting: WaitingRoom): OpenAnswers {
  return {
    enter: (caller, renew, end) => {
      let principal = caller;
      const now = performance.now();
      const waiter: Waiter = {
        ...{ seat: -1, startedAt: now, lastSignOfLifeAt: now, attended: true },
        get principal() {
          return principal;
        },
        attend: () => {},
        keepAlive: () => {},
        interrupt: end,
        renew: (renewed) => {
          principal = renewed;
          renew(renewed);
        },
      };
      waiting.enter(waiter);
      return () => waiting.leave(waiter);
    },
  };
}

/** Before anybody says who they are: those of the organisation the file belongs to. */
function scopesOffered(mapping: ClaimMapping | undefined): readonly string[] {
  const { permissions, defaultScope } = mapping ?? NO_CLAIM_MAPPING;
  const scopes = new Set(Object.values(permissions).flat());
  if (defaultScope !== undefined) scopes.add(defaultScope);
  return [...scopes].sort();
}

/** Connects beside whatever runs, reads the lists, and lets go; says how far it came and why not further. */
async function testServer(
  record: ServerRecord,
  settings: Settings,
  createUpstream: UpstreamFactory,
): Promise<readonly ConnectionStep[]> {
  const begun = performance.now();
  const definition = serverDefinitionOf(record, settings);
  if ("problem" in definition) {
    return [
      { step: "settings", ok: false, detail: definition.problem, durationMs: performance.now() - begun },
    ];
  }
  const steps: ConnectionStep[] = [
    {
      step: "settings",
      ok: true,
      detail: "The settings are complete.",
      durationMs: performance.now() - begun,
    },
  ];
  const upstream = createUpstream(definition.server);
  const since = performance.now();
  try {
    upstream.start();
    while (upstream.state.status === "connecting" && performance.now() - since < TEST_MS_MAX) {
      await Bun.sleep(LOOK_MS);
    }
    const { status, reason, revision } = upstream.state;
    const durationMs = performance.now() - since;
    const { lists } = upstream;
    if (status !== "ready" || lists === undefined) {
      const detail = reason ?? `It did not answer within ${TEST_MS_MAX / 1000} s.`;
      return [...steps, { step: "connect", ok: false, detail, durationMs }];
    }
    const { tools, resources, resourceTemplates, prompts, excluded } = lists;
    const counts = `${tools.length} tools, ${resources.length} resources, ${resourceTemplates.length} templates, ${prompts.length} prompts`;
    const left = excluded.map(({ kind, name, reason: why }) => `${kind} ${name}: ${why}`);
    steps.push(
      { step: "connect", ok: true, detail: `It speaks ${revision ?? "an unknown revision"}.`, durationMs },
      {
        step: "lists",
        ok: true,
        detail: left.length === 0 ? `${counts}.` : `${counts}; left out: ${left.slice(0, 5).join("; ")}.`,
        durationMs,
      },
    );
    return steps;
  } finally {
    await upstream.close();
  }
}
