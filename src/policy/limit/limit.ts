import type { Arrival } from "../../model/arrival.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange } from "../../model/exchange.ts";
import { closerOf, type LimitNote } from "../../model/limit-note.ts";
import type { LimitRule } from "../../model/limit-rule.ts";
import type { Operation } from "../../model/operation.ts";
import type { LimitAdmission, LimitDemand } from "../../model/ports/limiter.ts";
import type { OrganizationSnapshot } from "../../model/snapshot.ts";
import type { Next, Policy } from "../policy.ts";
import { type CompiledRule, compileRule, demandsOf } from "./compiled-rule.ts";
import { ManyDemands } from "./demands.ts";
import { LimitPlans } from "./limit-plan.ts";
import type { Limits } from "./limits.ts";
import { arrivalReader } from "./subjects.ts";

/** Probes carry no credential and cost less than a decision; refusing them would take a busy gateway for a dead one. */
const PROBES: ReadonlySet<string> = new Set(["/live", "/ready", "/health"]);

/** Demands that a rule keeps of whoever knocks. */
const DEMANDS_OF_ADDRESSES_MAX = 1_000;

/** Rules of the gateway by client address, before anybody is known. */
export function ipLimitPolicy<R>(
  limits: Limits,
  rules: () => readonly LimitRule[] | undefined,
): Policy<Arrival, R> {
  let current: readonly LimitRule[] | undefined;
  let compiled: readonly CompiledRule<Arrival>[] = [];
  return (arrival, next) => {
    const wanted = rules();
    if (wanted !== current) {
      current = wanted;
      compiled = (wanted ?? []).flatMap(
        (rule) => compileRule(rule, arrivalReader, new ManyDemands(DEMANDS_OF_ADDRESSES_MAX)) ?? [],
      );
    }
    if (compiled.length === 0) return next(arrival);
    if (PROBES.has(arrival.path) && !arrival.request.headers.has("authorization")) return next(arrival);
    const demands = demandsOf(compiled, arrival, undefined);
    return demands.length === 0 ? next(arrival) : admitted(limits, demands, arrival, arrival, next);
  };
}

/** Rules by who calls and through which endpoint. */
export function limitPolicy(
  limits: Limits,
  organizationOf: (id: string) => OrganizationSnapshot | undefined,
  plans = new LimitPlans(),
): Policy<Exchange, Outcome> {
  return (exchange, next) => {
    const plan = plans.of(organizationOf(exchange.endpoint.organizationId));
    if (plan === undefined || plan.caller.length === 0) return next(exchange);
    const demands = demandsOf(plan.caller, exchange, exchange.endpoint.organizationId);
    return demands.length === 0
      ? next(exchange)
      : admitted(limits, demands, exchange, exchange.limitNote, next);
  };
}

/**
 * The same rules for administrative acts: those of the organisation the caller is of, wherever it acts. What a platform
 * administrator does elsewhere uses up nothing of a tenant's, and no tenant's rule keeps it out.
 */
export function operationLimitPolicy<R>(
  limits: Limits,
  organizationOf: (id: string) => OrganizationSnapshot | undefined,
  plans = new LimitPlans(),
): Policy<Operation, R> {
  return (operation, next) => {
    const { organizationId } = operation.principal;
    const plan = plans.of(organizationOf(organizationId));
    if (plan === undefined || plan.operations.length === 0) return next(operation);
    const rules = undoesLimits(operation) ? plan.ofFile : plan.operations;
    const demands = demandsOf(rules, operation, organizationId);
    return demands.length === 0
      ? next(operation)
      : admitted(limits, demands, operation, operation.limitNote, next);
  };
}

/** Whoever made a rule too tight can take it back: acts on rules pass those that are changed by such acts. */
function undoesLimits({ action, principal }: Operation): boolean {
  return action.startsWith("rate_limit.") && (principal.platformAdmin || principal.role === "admin");
}

/** Rules by what is called, and quotas. */
export function toolLimitPolicy(
  limits: Limits,
  organizationOf: (id: string) => OrganizationSnapshot | undefined,
  plans = new LimitPlans(),
): Policy<Exchange, Outcome> {
  return (exchange, next) => {
    const { target } = exchange;
    if (target === undefined) return next(exchange);
    const plan = plans.of(organizationOf(exchange.endpoint.organizationId));
    if (plan === undefined || !plan.hasTargetRules) return next(exchange);
    const rules = plan.target(exchange, target);
    const rates = demandsOf(rules.rates, exchange, exchange.endpoint.organizationId);
    if (rules.quotas.length === 0) {
      return rates.length === 0
        ? next(exchange)
        : admitted(limits, rates, exchange, exchange.limitNote, next);
    }
    const quotas = demandsOf(rules.quotas, exchange, exchange.endpoint.organizationId);
    if (rates.length === 0 && quotas.length === 0) return next(exchange);
    const admission = limits.admit(rates, quotas);
    return admission instanceof Promise
      ? admission.then((granted) => complete(limits, granted, quotas, exchange, next))
      : complete(limits, admission, quotas, exchange, next);
  };
}

function admitted<X, R>(
  limits: Limits,
  demands: readonly LimitDemand[],
  x: X,
  note: LimitNote,
  next: Next<X, R>,
): R | Promise<R> {
  const admission = limits.admit(demands);
  return admission instanceof Promise
    ? admission.then((granted) => within(granted, x, note, next))
    : within(admission, x, note, next);
}

/** Notes how close it came, runs what was admitted, and gives its places back at its end, however it ends. */
function within<X, R>(
  { release, closest }: LimitAdmission,
  x: X,
  note: LimitNote,
  next: Next<X, R>,
): R | Promise<R> {
  note.closestLimit = closerOf(note.closestLimit, closest);
  if (release === undefined) return next(x);
  let result: R | Promise<R>;
  try {
    result = next(x);
  } catch (thrown) {
    release();
    throw thrown;
  }
  if (result instanceof Promise) return result.finally(release);
  release();
  return result;
}

function complete(
  limits: Limits,
  admission: LimitAdmission,
  quotas: readonly LimitDemand[],
  exchange: Exchange,
  next: Next<Exchange, Outcome>,
): Outcome | Promise<Outcome> {
  const ended = (outcome: Outcome) => {
    if (outcome.kind === "result" && outcome.result.resultType === "input_required") limits.giveBack(quotas);
    return outcome;
  };
  const outcome = within(admission, exchange, exchange.limitNote, next);
  return outcome instanceof Promise ? outcome.then(ended) : ended(outcome);
}
