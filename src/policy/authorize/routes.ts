import type { Policy } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import type { Route } from "../../model/route.ts";
import type { ServerDefinition } from "../../model/server.ts";
import { type Condition, type ConditionContext, ConditionPrincipal } from "./condition.ts";
import type { Answer } from "./judgement.ts";
import { routedServer, withinNamespace } from "./pattern.ts";
import { subjectsOf } from "./policed-permissions.ts";
import { byPriority, conditionOf } from "./policy-index.ts";

/**
 * The routes of one namespace. What a route leads to is looked for in the namespace of the server it is about; where it is
 * not there (any more), nobody serves. A route leads to a server, never to another route.
 */
export function resolveRoutes(
  routing: readonly Policy[],
  namespaceSlug: string,
  servers: readonly ServerDefinition[],
): readonly Route[] | undefined {
  const byName = new Map(servers.map((server) => [server.name, server]));
  const routes: Route[] = [];
  for (const policy of [...routing].sort(byPriority)) {
    if (policy.namespaceSlug !== undefined && policy.namespaceSlug !== namespaceSlug) continue;
    const { server: name = "" } = policy.route ?? {};
    const target = byName.get(name);
    for (const called of calledServers(policy, namespaceSlug, byName)) {
      routes.push({ policy, called, serving: target === called ? called : inPlaceOf(called, target, name) });
    }
  }
  return routes.length === 0 ? undefined : routes;
}

function calledServers(
  { resources }: Policy,
  namespaceSlug: string,
  byName: ReadonlyMap<string, ServerDefinition>,
): Set<ServerDefinition> {
  const called = new Set<ServerDefinition>();
  for (const resource of resources) {
    const plain = withinNamespace(resource, namespaceSlug);
    const name = plain === undefined ? undefined : routedServer(plain);
    const server = name === undefined ? undefined : byName.get(name);
    if (server !== undefined) called.add(server);
  }
  return called;
}

function inPlaceOf(
  called: ServerDefinition,
  target: ServerDefinition | undefined,
  name: string,
): ServerDefinition {
  const { id, description } = called;
  return {
    ...(target ?? called),
    id,
    name: called.name,
    description,
    servedBy: { id: target?.id, name },
  };
}

/** What a route said of one caller. */
export interface RouteAnswer {
  readonly policy: Policy;
  readonly answer: Answer;
}

/** Which servers serve one caller in the place of those it names. */
export interface CallerRoutes {
  /** Equal for callers whom the same servers serve. */
  readonly key: string;
  /** By the id of the called server. */
  readonly serving: ReadonlyMap<string, ServerDefinition>;
}

interface CompiledRoute {
  readonly route: Route;
  readonly condition: Condition | undefined;
  /** Its condition cannot be answered: neither server is the right one. */
  readonly undecided: ServerDefinition;
}

/** The routes of one namespace, ready to be asked. */
export class RouteTable {
  readonly #byServer = new Map<string, CompiledRoute[]>();
  /** A principal lives as long as its credential's verdict; `null` where no route applies to it. */
  readonly #byPrincipal = new WeakMap<Principal, CallerRoutes | null>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const { policy, called } = route;
      const compiled: CompiledRoute = {
        route,
        condition: policy.condition === undefined ? undefined : conditionOf(policy.condition, "route"),
        undecided: inPlaceOf(called, undefined, policy.route?.server ?? ""),
      };
      const known = this.#byServer.get(called.id);
      if (known === undefined) this.#byServer.set(called.id, [compiled]);
      else known.push(compiled);
    }
  }

  of(principal: Principal): CallerRoutes | undefined {
    let known = this.#byPrincipal.get(principal);
    if (known === undefined) {
      known = this.#decide(principal) ?? null;
      this.#byPrincipal.set(principal, known);
    }
    return known ?? undefined;
  }

  /**
   * Who serves one server to a caller: the first route that applies decides. One whose condition cannot be answered
   * applies too, and leads nowhere.
   * @param onAnswer is told what each route said that names the caller; all are asked then
   */
  serving(
    principal: Principal,
    serverId: string,
    onAnswer?: (answer: RouteAnswer) => void,
  ): { readonly route: Route; readonly server: ServerDefinition } | undefined {
    const routes = this.#byServer.get(serverId);
    if (routes === undefined) return undefined;
    const subjects = new Set(subjectsOf(principal));
    const context = { principal: new ConditionPrincipal(principal) } as ConditionContext;
    let decided: { readonly route: Route; readonly server: ServerDefinition } | undefined;
    for (const { route, condition, undecided } of routes) {
      if (!route.policy.subjects.some((subject) => subjects.has(subject))) continue;
      const answer = answerOf(condition, context);
      onAnswer?.({ policy: route.policy, answer });
      if (answer === "does_not_apply") continue;
      decided ??= { route, server: answer === "failed" ? undecided : route.serving };
      if (onAnswer === undefined) break;
    }
    return decided;
  }

  #decide(principal: Principal): CallerRoutes | undefined {
    const serving = new Map<string, ServerDefinition>();
    const key: string[] = [];
    for (const serverId of this.#byServer.keys()) {
      const server = this.serving(principal, serverId)?.server;
      if (server?.servedBy === undefined) continue;
      serving.set(serverId, server);
      key.push(`${serverId} ${server.servedBy.id ?? ""}`);
    }
    return serving.size === 0 ? undefined : { key: key.join("\n"), serving };
  }
}

function answerOf(condition: Condition | undefined, context: ConditionContext): Answer {
  if (condition === undefined) return "applies";
  try {
    return condition.holds(context) ? "applies" : "does_not_apply";
  } catch {
    return "failed";
  }
}
