import type { Arrival } from "../model/arrival.ts";
import type { Outcome } from "../model/call.ts";
import type { Exchange } from "../model/exchange.ts";
import type { LimitRule } from "../model/limit-rule.ts";
import type { Operation } from "../model/operation.ts";
import type { Journal } from "../model/ports/journal.ts";
import type { Log } from "../model/ports/log.ts";
import type { OrganizationSnapshot } from "../model/snapshot.ts";
import { auditPolicy, type ExchangeObserver } from "../policy/audit/audit.ts";
import { auditOperationPolicy } from "../policy/audit/audit-operation.ts";
import { type AuthenticateDeps, authenticatePolicy } from "../policy/authenticate/authenticate.ts";
import { clientAddressPolicy } from "../policy/authenticate/client-address.ts";
import { actedInPolicy, type OrganizationLooks } from "../policy/authorize/acted-in.ts";
import { authorizePolicy } from "../policy/authorize/authorize.ts";
import { authorizeOperationPolicy } from "../policy/authorize/authorize-operation.ts";
import type { PermissionCache } from "../policy/authorize/permission-cache.ts";
import type { ScopeRules } from "../policy/authorize/scope-rules.ts";
import { bodySizePolicy } from "../policy/body-size/body-size.ts";
import { conditionsPolicy } from "../policy/conditions/conditions.ts";
import { deadlinePolicy } from "../policy/deadline/deadline.ts";
import { type HostSettings, hostPolicy } from "../policy/host/host.ts";
import { ipLimitPolicy, limitPolicy, operationLimitPolicy, toolLimitPolicy } from "../policy/limit/limit.ts";
import type { Limits } from "../policy/limit/limits.ts";
import { mirroredHeadersPolicy } from "../policy/mirrored-headers/mirrored-headers.ts";
import { type OriginRule, originPolicy } from "../policy/origin/origin.ts";
import type { Layer } from "../policy/policy.ts";
import type { CallContents } from "../policy/record/call-contents.ts";
import { recordPolicy } from "../policy/record/record.ts";
import { validatePolicy } from "../policy/validate/validate.ts";
import type { CallerServers } from "./caller-servers.ts";
import { firstAnswersPolicy } from "./first-answers.ts";
import type { Fleet } from "./fleet.ts";
import type { ParkedCalls } from "./parked-calls.ts";
import type { RequestStates } from "./request-state.ts";
import { resolvePolicy } from "./resolve.ts";
import { requestStatePolicy, roundsPolicy } from "./rounds.ts";

export interface DoorDeps extends AuthenticateDeps {
  readonly host: HostSettings;
  readonly origins: OriginRule;
  readonly bodyBytesMax: number;
  readonly trustedProxies: readonly string[];
  readonly limits: Limits;
  /** The rules in force now. */
  readonly addressLimits: () => readonly LimitRule[] | undefined;
}

/** Every request of every plane, headers only: cheapest and least revealing first. */
export function doorLayers<R>(deps: DoorDeps): readonly Layer<Arrival, R>[] {
  return [
    {
      name: "host",
      reason: "a rebound DNS name must learn nothing, not even that a credential is wanted",
      policy: hostPolicy(deps.host),
    },
    {
      name: "origin",
      reason: "a foreign web page is stopped before its request costs more than two string compares",
      policy: originPolicy(deps.origins),
    },
    {
      name: "body-size",
      reason: "an oversized body is refused by its declaration, before anybody looks up a credential for it",
      policy: bodySizePolicy(deps.bodyBytesMax),
    },
    {
      name: "client-address",
      reason: "whatever counts by address must count the client, not the proxy in front of us",
      policy: clientAddressPolicy(deps.trustedProxies),
    },
    {
      name: "ip-limit",
      reason: "a flood from one address costs a count, and neither a hash nor a look-up of a credential",
      policy: ipLimitPolicy(deps.limits, deps.addressLimits),
    },
    {
      name: "authenticate",
      reason: "last, because it may ask the store; counts failures by the address found above",
      policy: authenticatePolicy(deps),
    },
  ];
}

export interface CallDeps {
  readonly fleet: Fleet;
  readonly servers: CallerServers;
  readonly permissions: PermissionCache;
  readonly limits: Limits;
  readonly journal: Journal;
  readonly contents: CallContents;
  readonly observer: ExchangeObserver;
  readonly states: RequestStates;
  readonly parked: ParkedCalls;
  readonly log: Log;
  readonly requestTimeoutMs: number;
  readonly now: () => number;
}

/** Every client request in canonical form, after its JSON was read and guarded by the transport. */
export function callLayers(deps: CallDeps): readonly Layer<Exchange, Outcome>[] {
  const organizationOf = (id: string) => deps.fleet.organization(id);
  return [
    {
      name: "audit",
      reason: "outermost, because a refusal is a record too; nothing inside can end a call unseen",
      policy: auditPolicy(deps.journal, deps.observer, deps.contents),
    },
    {
      name: "resolve",
      reason: "everything below decides about a server and a tool, not about a string",
      policy: resolvePolicy(deps.servers, deps.permissions),
    },
    {
      name: "request-state",
      reason: "what goes on with a call under way is told apart from a new one before anything counts it",
      policy: requestStatePolicy(deps.states, deps.parked),
    },
    {
      name: "limit",
      reason:
        "who calls too much is stopped before anything is looked up for the call; names tried out count too",
      policy: limitPolicy(deps.limits, organizationOf),
    },
    {
      name: "first-answers",
      reason: "holds what may be of a server that has not answered yet, and what waits here has been counted",
      policy: firstAnswersPolicy(deps),
    },
    {
      name: "authorize",
      reason: "before anything that would show, by its answer or its time, that the target exists",
      policy: authorizePolicy(deps.permissions),
    },
    {
      name: "tool-limit",
      reason: "only what the caller may use may tell, by its limits, that it exists",
      policy: toolLimitPolicy(deps.limits, organizationOf),
    },
    {
      name: "mirrored-headers",
      reason: "only now is it known which arguments the tool wants mirrored",
      policy: mirroredHeadersPolicy(),
    },
    {
      name: "deadline",
      reason: "the clock starts once we know whose timeout applies",
      policy: deadlinePolicy(deps.requestTimeoutMs, deps.now),
    },
    {
      name: "validate",
      reason: "a call with wrong arguments costs its server nothing and its model one hint",
      policy: validatePolicy(deps.log),
    },
    {
      name: "conditions",
      reason:
        "conditions on arguments may count on their shape; what is refused here was visible, and is told so",
      policy: conditionsPolicy(deps.permissions, deps.now),
    },
    {
      name: "rounds",
      reason:
        "outside of the record: a call that waits for its client's answers is one call, however many requests it takes",
      policy: roundsPolicy(deps.states, deps.parked),
    },
    {
      name: "record",
      reason: "innermost: intent before the server sees the call, outcome before the client sees the answer",
      policy: recordPolicy(deps.journal, deps.contents),
    },
  ];
}

/** Every administrative operation, once its request was read and checked. */
export function operationLayers<R>(
  journal: Journal,
  limits: Limits,
  organizations: OrganizationLooks,
  organizationOf: (id: string) => OrganizationSnapshot | undefined,
  scopesOf: (organizationId: string) => ScopeRules,
  now: () => number,
): readonly Layer<Operation, R>[] {
  return [
    {
      name: "audit",
      reason: "outermost, because a refusal is a record too",
      policy: auditOperationPolicy(journal),
    },
    {
      name: "limit",
      reason: "before anything is decided: acts that are refused count too",
      policy: operationLimitPolicy(limits, organizationOf),
    },
    {
      name: "acted-in",
      reason: "everything below decides about objects of the organisation that is acted in",
      policy: actedInPolicy(organizations),
    },
    {
      name: "authorize",
      reason: "before the handler looks at anything the caller named",
      policy: authorizeOperationPolicy((id) => organizationOf(id)?.policies, scopesOf, now),
    },
  ];
}
