import { GatewayError } from "../errors/gateway-error.ts";
import type { Outcome } from "../model/call.ts";
import type { Cancellation } from "../model/cancellation.ts";
import type { Exchange } from "../model/exchange.ts";
import type { ServerDefinition } from "../model/server.ts";
import type { PermissionCache } from "../policy/authorize/permission-cache.ts";
import type { Next, Policy } from "../policy/policy.ts";
import { asObject } from "../protocol/json-value.ts";
import type { Caller, CallerServers } from "./caller-servers.ts";
import type { Fleet } from "./fleet.ts";
import { LIST_METHODS, resolveTarget } from "./resolve.ts";

export interface FirstAnswersDeps {
  readonly fleet: Fleet;
  readonly servers: CallerServers;
  readonly permissions: PermissionCache;
  /** Longest time a request may take, and so a wait. */
  readonly requestTimeoutMs: number;
}

const UNKNOWN: ReadonlySet<string> = new Set(["tool_unknown", "prompt_unknown", "resource_unknown"]);

/**
 * Holds what a server's first answer decides, at endpoints of several servers. Until a server has answered once nobody
 * knows what it offers: its names are not unknown yet, and a list without it would be a lie a moment later. Known names
 * never wait, nor does anything for a server that is known to be down.
 */
export function firstAnswersPolicy(deps: FirstAnswersDeps): Policy<Exchange, Outcome> {
  const { servers, permissions } = deps;
  const again = (exchange: Exchange, next: Next<Exchange, Outcome>) => {
    exchange.target = resolveTarget(exchange, servers, permissions);
    return next(exchange);
  };
  return (exchange, next) => {
    const { target, method } = exchange;
    if (LIST_METHODS.has(method)) {
      const listed = startOf(exchange, deps);
      return listed === undefined
        ? next(exchange)
        : unlessCancelled(exchange.cancellation, listed).then(() => next(exchange));
    }
    if (target !== undefined && target.upstream === undefined) {
      const answered = answersFor(exchange, deps);
      if (answered !== undefined) return answered.then(() => again(exchange, next));
    }
    try {
      return next(exchange);
    } catch (thrown) {
      // The authorisation's own answer, given at once: a forbidden name waits exactly as one that is not there.
      const answered = isUnknown(exchange, thrown) ? answersFor(exchange, deps) : undefined;
      if (answered === undefined) throw thrown;
      return answered.then(() => again(exchange, next));
    }
  };
}

/**
 * Set while the process starts and servers the caller may see at an endpoint of several have not answered yet: resolves
 * when they did, or are no longer waited for.
 */
export function startOf(
  caller: Caller,
  { fleet, servers, permissions }: Pick<FirstAnswersDeps, "fleet" | "servers" | "permissions">,
): Promise<void> | undefined {
  if (fleet.startLeftMs <= 0 || caller.endpoint.server !== undefined) return undefined;
  const answers = visible(caller, fleet, permissions).flatMap(
    ({ id }) => servers.connecting(caller, id) ?? [],
  );
  return answers.length === 0 ? undefined : allWithin(answers, fleet.startLeftMs);
}

function isUnknown({ target }: Exchange, thrown: unknown): boolean {
  return target === undefined && thrown instanceof GatewayError && UNKNOWN.has(thrown.code);
}

function answersFor(exchange: Exchange, deps: FirstAnswersDeps): Promise<void> | undefined {
  const { servers, requestTimeoutMs } = deps;
  if (exchange.endpoint.server !== undefined) return undefined;
  const answers: Promise<void>[] = [];
  let timeoutMs = 0;
  for (const called of candidates(exchange, deps)) {
    const answer = servers.connecting(exchange, called.id);
    if (answer === undefined) continue;
    answers.push(answer);
    timeoutMs = Math.max(timeoutMs, servers.serving(exchange, called).timeoutMs);
  }
  if (answers.length === 0) return undefined;
  return unlessCancelled(exchange.cancellation, allWithin(answers, Math.min(timeoutMs, requestTimeoutMs)));
}

/** The servers a name may be of, as far as the caller may see them: others must not show by the time an answer takes. */
function candidates(
  exchange: Exchange,
  { fleet, permissions }: FirstAnswersDeps,
): readonly ServerDefinition[] {
  const servers = visible(exchange, fleet, permissions);
  const name = nameIn(exchange);
  if (name === undefined) return servers;
  const separator = fleet.namespace(exchange.endpoint)?.separator ?? "";
  const named = servers.filter(
    ({ name: server }) => name.startsWith(`${server}${separator}`) || name.startsWith(`${server}:`),
  );
  return named.length > 0 ? named : servers;
}

/** Of a tool or prompt; a URI tells nothing of its server. */
function nameIn({ method, params }: Exchange): string | undefined {
  const ref = method === "completion/complete" ? asObject(params.ref) : undefined;
  if (method === "resources/read" || ref?.type === "ref/resource") return undefined;
  const { name } = ref ?? params;
  return typeof name === "string" ? name : undefined;
}

function visible(
  { endpoint, principal }: Caller,
  fleet: Fleet,
  permissions: PermissionCache,
): readonly ServerDefinition[] {
  const granted = permissions.of(principal, endpoint.namespaceSlug);
  return (fleet.namespace(endpoint)?.servers ?? []).filter(({ name }) => granted.server(name));
}

function allWithin(answers: readonly Promise<void>[], timeoutMs: number): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, timeoutMs);
    void Promise.all(answers).then(() => {
      clearTimeout(timer);
      done();
    });
  });
}

/** @throws GatewayError `call_cancelled` */
function unlessCancelled(cancellation: Cancellation, work: Promise<void>): Promise<void> {
  return new Promise((done, refuse) => {
    const forget = cancellation.onCancel(() => refuse(new GatewayError("call_cancelled")));
    void work.then(() => {
      forget();
      done();
    });
  });
}
