import { BlockList, isIP } from "node:net";
import { compileGlob } from "../../model/glob.ts";
import type { LimitDimension, LimitMatch, LimitRule } from "../../model/limit-rule.ts";
import { LIMIT_DIMENSIONS } from "../../model/limit-rule.ts";
import type { LimitDemand } from "../../model/ports/limiter.ts";
import { Demands, type KeptDemands } from "./demands.ts";
import type { Reading, SubjectReader } from "./subjects.ts";

/** A rule made ready for one kind of thing it counts. */
export interface CompiledRule<X> {
  readonly rule: LimitRule;
  readonly demands: Demands<X>;
  /** Undefined where it applies to everything. */
  readonly applies: ((x: X) => boolean) | undefined;
}

/** What has to be known before a rule can be decided; the first stage that knows it decides. */
export type Stage = "door" | "caller" | "target";

/** The dimensions a rule speaks of, in its count or in its patterns. */
export function dimensionsOf({ per, match }: Pick<LimitRule, "per" | "match">): ReadonlySet<LimitDimension> {
  return new Set([...per, ...LIMIT_DIMENSIONS.filter((dimension) => match[dimension] !== undefined)]);
}

/** Rules of the whole gateway that speak of addresses alone are decided before anybody is known. Quotas count calls. */
export function stageOf(rule: LimitRule): Stage {
  const dimensions = dimensionsOf(rule);
  if (rule.algorithm === "quota" || dimensions.has("server") || dimensions.has("tool")) return "target";
  const ofAddress = dimensions.size === 1 && dimensions.has("ip");
  return ofAddress && rule.organizationId === undefined ? "door" : "caller";
}

/**
 * @param match those of its patterns that are still to be asked
 * @returns undefined where the rule speaks of something the reader does not know.
 */
export function compileRule<X>(
  rule: LimitRule,
  reader: SubjectReader<X>,
  kept: KeptDemands,
  match = rule.match,
): CompiledRule<X> | undefined {
  if ([...dimensionsOf({ per: rule.per, match })].some((dimension) => reader[dimension] === undefined))
    return undefined;
  return { rule, demands: new Demands(rule, reader, kept), applies: conditionOf(match, reader) };
}

/** Whether all of these patterns fit; undefined where there are none. */
export function conditionOf<X>(match: LimitMatch, reader: SubjectReader<X>): ((x: X) => boolean) | undefined {
  const tests = LIMIT_DIMENSIONS.flatMap((dimension) => {
    const patterns = match[dimension];
    if (patterns === undefined) return [];
    const { label } = reader[dimension] as Reading<X>;
    const matches = matcherOf(dimension, patterns);
    return [(x: X) => matches(label(x))];
  });
  return allOf(tests);
}

function allOf<X>(tests: readonly ((x: X) => boolean)[]): ((x: X) => boolean) | undefined {
  const [first] = tests;
  if (first === undefined) return undefined;
  return tests.length === 1 ? first : (x) => tests.every((test) => test(x));
}

/** One of the patterns of a dimension is enough. */
export function matcherOf(
  dimension: LimitDimension,
  patterns: readonly string[],
): (label: string) => boolean {
  if (dimension === "ip") return addressMatcher(patterns);
  const matchers = patterns.map(dimension === "tool" ? toolMatcher : compileGlob);
  const [only] = matchers;
  return matchers.length === 1 && only !== undefined
    ? only
    : (label) => matchers.some((matches) => matches(label));
}

/** A tool's label is `namespace/server:tool`; a pattern without a namespace stands for any. */
function toolMatcher(pattern: string): (label: string) => boolean {
  const matches = compileGlob(pattern);
  if (!/^([a-z0-9-]{1,32}|\*)\//.test(pattern))
    return (label) => matches(label.slice(label.indexOf("/") + 1));
  return matches;
}

function addressMatcher(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 6 ? "ipv6" : "ipv4");
  };
}

/** What of these rules applies to `x`, which is of the given organisation. */
export function demandsOf<X>(
  rules: readonly CompiledRule<X>[],
  x: X,
  organizationId: string | undefined,
): LimitDemand[] {
  const demands: LimitDemand[] = [];
  for (const { demands: asked, applies } of rules) {
    if (applies === undefined || applies(x)) demands.push(asked.of(x, organizationId));
  }
  return demands;
}
