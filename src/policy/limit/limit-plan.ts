import type { Exchange, Target } from "../../model/exchange.ts";
import { compileGlob } from "../../model/glob.ts";
import type { LimitDimension, LimitMatch, LimitRule } from "../../model/limit-rule.ts";
import type { Operation } from "../../model/operation.ts";
import type { OrganizationSnapshot } from "../../model/snapshot.ts";
import { type CompiledRule, compileRule, conditionOf, dimensionsOf, stageOf } from "./compiled-rule.ts";
import { countsByTarget, Demands, LastDemand, ManyDemands } from "./demands.ts";
import { exchangeReader, operationReader, type Reading, type SubjectReader } from "./subjects.ts";

/** Demands that a rule keeps which does not count by target. */
const DEMANDS_MAX = 10_000;
/** Names of one server that are remembered with the rules that apply to them. */
const NAMES_MAX = 10_000;

/** Rules of a target, apart: rates are the limiter's, quotas the ledger's. */
export interface TargetRules {
  readonly rates: readonly CompiledRule<Exchange>[];
  readonly quotas: readonly CompiledRule<Exchange>[];
}

/**
 * The rules of one organisation, sorted by what has to be known. Which of them can apply to a tool is found once a
 * tool, so that a call pays for the rules that apply to it and not for all there are.
 */
export class LimitPlan {
  readonly caller: readonly CompiledRule<Exchange>[];
  /** The same for administrative acts; those of a namespace are none of theirs. */
  readonly operations: readonly CompiledRule<Operation>[];
  /** Those of them that only the configuration file changes. */
  readonly ofFile: readonly CompiledRule<Operation>[];
  readonly #target: readonly TargetRule[];
  readonly #byServer = new Map<string, Map<string, TargetRules>>();

  constructor({ limits = [], id, slug }: Pick<OrganizationSnapshot, "limits" | "id" | "slug">) {
    const ours = limits.filter(
      ({ organizationId, match }) =>
        (organizationId === undefined || organizationId === id) &&
        (match.organization === undefined ||
          match.organization.some((pattern) => compileGlob(pattern)(slug))),
    );
    this.caller = ours
      .filter((rule) => stageOf(rule) === "caller")
      .flatMap((rule) => {
        const compiled = compileRule(
          rule,
          exchangeReader,
          new ManyDemands(DEMANDS_MAX),
          without(rule.match, "organization"),
        );
        return compiled === undefined ? [] : [inItsNamespace(compiled)];
      });
    this.operations = ours
      .filter((rule) => stageOf(rule) === "caller" && rule.namespaceId === undefined)
      .flatMap(
        (rule) =>
          compileRule(
            rule,
            operationReader,
            new ManyDemands(DEMANDS_MAX),
            without(rule.match, "organization"),
          ) ?? [],
      );
    this.ofFile = this.operations.filter(({ rule }) => rule.source === "file");
    this.#target = ours
      .filter((rule) => stageOf(rule) === "target")
      .map((rule) => ({
        rule,
        ofAllTargets: countsByTarget(rule)
          ? undefined
          : new Demands(rule, exchangeReader, new ManyDemands(DEMANDS_MAX)),
      }));
  }

  get hasTargetRules(): boolean {
    return this.#target.length > 0;
  }

  target(exchange: Exchange, target: Target): TargetRules {
    let byName = this.#byServer.get(target.server.id);
    if (byName === undefined) {
      byName = new Map();
      this.#byServer.set(target.server.id, byName);
    }
    // What else is called is no name of the catalog: one entry serves all of a server's.
    const name = isListedTool(target) ? target.name : NO_TOOL;
    let rules = byName.get(name);
    if (rules === undefined) {
      if (byName.size >= NAMES_MAX) byName.clear();
      rules = this.#rulesOf(exchange, target);
      byName.set(name, rules);
    }
    return rules;
  }

  #rulesOf(exchange: Exchange, target: Target): TargetRules {
    const reader = readerAt(exchange, target);
    const applicable = this.#target.flatMap(({ rule, ofAllTargets }): CompiledRule<Exchange>[] => {
      if (!isListedTool(target) && dimensionsOf(rule).has("tool")) return [];
      // Server and tool are the same for every exchange this entry will serve; the rest is asked each time.
      const { server, tool } = rule.match;
      const isNamed = conditionOf({ ...(server && { server }), ...(tool && { tool }) }, exchangeReader);
      if (isNamed !== undefined && !isNamed(exchange)) return [];
      const compiled: CompiledRule<Exchange> = {
        rule,
        demands: ofAllTargets ?? new Demands(rule, reader, new LastDemand()),
        applies: conditionOf(without(rule.match, "organization", "server", "tool"), exchangeReader),
      };
      return [inItsNamespace(compiled)];
    });
    return {
      rates: applicable.filter(({ rule }) => rule.algorithm !== "quota"),
      quotas: applicable.filter(({ rule }) => rule.algorithm === "quota"),
    };
  }
}

interface TargetRule {
  readonly rule: LimitRule;
  /** Undefined where it counts by target. */
  readonly ofAllTargets: Demands<Exchange> | undefined;
}

/** No tool is called so: names have at least one character. */
const NO_TOOL = "";

/** A name that nobody listed, of a server that is away, may be anything a caller thinks of: rules by tool are not about it. */
function isListedTool({ kind, upstream, definition }: Target): boolean {
  return kind === "tool" && (upstream !== undefined || definition !== undefined);
}

function without(match: LimitMatch, ...dimensions: readonly LimitDimension[]): LimitMatch {
  return Object.fromEntries(
    Object.entries(match).filter(([dimension]) => !dimensions.includes(dimension as LimitDimension)),
  );
}

/** A rule of one namespace counts that namespace's calls alone. */
function inItsNamespace(compiled: CompiledRule<Exchange>): CompiledRule<Exchange> {
  const { rule, applies } = compiled;
  const { namespaceId } = rule;
  if (namespaceId === undefined) return compiled;
  const isThere = (exchange: Exchange) =>
    exchange.endpoint.namespaceId === namespaceId && (applies === undefined || applies(exchange));
  return { ...compiled, applies: isThere };
}

/** What is the same for every call of a target is read once. */
function readerAt(exchange: Exchange, target: Target): SubjectReader<Exchange> {
  const { server, tool } = exchangeReader;
  return {
    ...exchangeReader,
    server: server && always(server, exchange),
    tool: isListedTool(target) ? tool && always(tool, exchange) : undefined,
  };
}

function always({ subject, label }: Reading<Exchange>, exchange: Exchange): Reading<Exchange> {
  const text = subject(exchange);
  return { subject: () => text, label, isConstant: true };
}

/** Plans by snapshot part: compiled when first needed, gone with it. */
export class LimitPlans {
  readonly #plans = new WeakMap<OrganizationSnapshot, LimitPlan>();

  /** Undefined where the organisation has no rules. */
  of(organization: OrganizationSnapshot | undefined): LimitPlan | undefined {
    if (organization?.limits === undefined || organization.limits.length === 0) return undefined;
    let plan = this.#plans.get(organization);
    if (plan === undefined) {
      plan = new LimitPlan(organization);
      this.#plans.set(organization, plan);
    }
    return plan;
  }
}
