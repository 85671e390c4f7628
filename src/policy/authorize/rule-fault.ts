import { isVerbPattern, type PolicyRule } from "../../model/policy.ts";
import { isVerb, matchesVerb, parseObjectPattern } from "./act-pattern.ts";
import { nounOf } from "./act-policies.ts";
import { type ConditionSubject, compileCondition, isFault } from "./condition.ts";
import { isPattern, routedServer } from "./pattern.ts";

/** What is wrong with a rule as a whole, and in which of its members. */
export interface RuleFault {
  readonly member: "route" | "actions" | "resources" | "condition";
  /** Of the entry, where the member is a list. */
  readonly index: number | undefined;
  /** Goes on from "must be" or "expected". */
  readonly expected: string;
  /** Of a condition, with line and column. */
  readonly detail: string | undefined;
}

/**
 * What the members of a rule do not say of each other: it is about calls or about administration, and its resources and
 * its condition are of the same. A route is about whole servers.
 * @param verbs every act of administration that there is
 */
export function ruleFault(
  rule: Pick<PolicyRule, "effect" | "route" | "actions" | "resources" | "condition">,
  verbs: Iterable<string>,
): RuleFault | undefined {
  const { actions, resources, condition } = rule;
  if (rule.effect === "route" || rule.route !== undefined) return routingFault(rule);
  const fault = (member: RuleFault["member"], index: number, expected: string): RuleFault | undefined =>
    index < 0 ? undefined : { member, index, expected, detail: undefined };
  const isAboutActs = actions.some(isVerbPattern);
  const known = [...verbs];
  const nouns = new Set<string>();
  for (const [index, action] of actions.entries()) {
    if (isVerbPattern(action) !== isAboutActs) {
      return fault(
        "actions",
        index,
        "an act of administration as the others are: a policy is about calls or about acts",
      );
    }
    if (!isAboutActs || !isVerbPattern(action)) continue;
    const named = isVerb(action) ? known.filter((verb) => matchesVerb(action, verb)) : [];
    if (named.length === 0)
      return fault("actions", index, `an act of administration, such as "server.create" or "server.*"`);
    for (const verb of named) nouns.add(nounOf(verb));
  }
  return (
    (isAboutActs
      ? fault(
          "resources",
          resources.findIndex((one) => !isObjectOf(one, nouns)),
          `*, or an object of its actions by id or name, such as "${[...nouns][0]}:<name>"`,
        )
      : fault(
          "resources",
          resources.findIndex((one) => !isPattern(one)),
          "a pattern such as server:tool",
        )) ?? conditionFault(condition, isAboutActs ? "act" : "call")
  );
}

function isObjectOf(pattern: string, nouns: ReadonlySet<string>): boolean {
  const parsed = parseObjectPattern(pattern);
  return parsed !== undefined && (parsed.noun === "*" || nouns.has(parsed.noun));
}

/**
 * A route is decided by caller and endpoint, so that lists, calls, subscriptions and sessions agree: it is about whole
 * servers, for every action, and its condition may read what stays the same from one request to the next.
 */
function routingFault({
  effect,
  route,
  resources,
  actions,
  condition,
}: Pick<PolicyRule, "effect" | "route" | "resources" | "actions" | "condition">): RuleFault | undefined {
  const fault = (member: RuleFault["member"], index: number | undefined, expected: string): RuleFault => ({
    ...{ member, index, expected, detail: undefined },
  });
  if (effect !== "route") return fault("route", undefined, "left out: it belongs to the effect route");
  if (route === undefined)
    return fault("route", undefined, "the server that serves, where the effect is route");
  const part = resources.findIndex((resource) => routedServer(resource) === undefined);
  if (part >= 0) return fault("resources", part, "a whole server without globs, such as github:*");
  const action = actions.findIndex((one) => one !== "*");
  if (action >= 0) return fault("actions", action, "*: a route is about every action");
  return conditionFault(condition, "route");
}

function conditionFault(condition: string | undefined, subject: ConditionSubject): RuleFault | undefined {
  if (condition === undefined) return undefined;
  const result = compileCondition(condition, subject);
  if (!isFault(result)) return undefined;
  const { line, column, message } = result;
  return {
    member: "condition",
    index: undefined,
    expected: "a CEL expression that is true or false",
    detail: `line ${line}, column ${column}: ${message}`,
  };
}
