import { BlockList, isIP } from "node:net";
import { compileGlob } from "../../model/glob.ts";
import type { LimitDimension, LimitRule } from "../../model/limit-rule.ts";
import { LIMIT_DIMENSIONS } from "../../model/limit-rule.ts";
import type { LimitDemand } from "../../model/ports/limiter.ts";
import type { SubjectReader } from "./subjects.ts";

/** A rule made ready for one kind of thing it counts. */
export interface CompiledRule<X> {
  readonly rule: LimitRule;
  readonly subject: (x: X) => string;
  /** Undefined where it applies to everything. */
  readonly applies: ((x: X) => boolean) | undefined;
}

/** Whether a rule's counts are each of one organisation: its own rule, or one that counts by something only one has. */
export function isOfTenant(rule: LimitRule): boolean {
  return rule.organizationId !== undefined || rule.per.some((dimension) => dimension !== "ip");
}

/** What has to be known before a rule can be decided; the first stage that knows it decides. */
export type Stage = "door" | "caller" | "target";

/** The dimensions a rule speaks of, in its count or in its patterns. */
export function dimensionsOf(rule: LimitRule): ReadonlySet<LimitDimension> {
  return new Set([
    ...rule.per,
    ...LIMIT_DIMENSIONS.filter((dimension) => rule.match[dimension] !== undefined),
  ]);
}

/** Rules of the whole gateway that speak of addresses alone are decided before anybody is known. Quotas count calls. */
export function stageOf(rule: LimitRule): Stage {
  const dimensions = dimensionsOf(rule);
  if (rule.algorithm === "quota" || dimensions.has("server") || dimensions.has("tool")) return "target";
  const ofAddress = dimensions.size === 1 && dimensions.has("ip");
  return ofAddress && rule.organizationId === undefined ? "door" : "caller";
}

/** @returns undefined where the rule speaks of something the reader does not know. */
export function compileRule<X>(rule: LimitRule, reader: SubjectReader<X>): CompiledRule<X> | undefined {
  const dimensions = [...dimensionsOf(rule)];
  if (dimensions.some((dimension) => reader[dimension] === undefined)) return undefined;
  const subjects = LIMIT_DIMENSIONS.filter((dimension) => rule.per.includes(dimension)).map(
    (dimension) => (reader[dimension] as NonNullable<SubjectReader<X>[LimitDimension]>).subject,
  );
  const tests = LIMIT_DIMENSIONS.flatMap((dimension) => {
    const patterns = rule.match[dimension];
    if (patterns === undefined) return [];
    const { label } = reader[dimension] as NonNullable<SubjectReader<X>[LimitDimension]>;
    const matches = matcherOf(dimension, patterns);
    return [(x: X) => matches(label(x))];
  });
  return { rule, subject: joined(subjects), applies: allOf(tests) };
}

/** The separator is in no id and no address, and comes before a tool's name, which is last. */
function joined<X>(subjects: readonly ((x: X) => string)[]): (x: X) => string {
  const [first, second] = subjects;
  if (first === undefined) return () => "";
  if (second === undefined) return first;
  if (subjects.length === 2) return (x) => `${first(x)}|${second(x)}`;
  return (x) => subjects.map((subject) => subject(x)).join("|");
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
  for (const { rule, subject, applies } of rules) {
    if (applies !== undefined && !applies(x)) continue;
    demands.push({
      rule,
      subject: subject(x),
      organizationId: isOfTenant(rule) ? organizationId : undefined,
    });
  }
  return demands;
}
