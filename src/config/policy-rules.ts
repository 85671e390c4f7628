import { ruleFault } from "../policy/authorize/rule-fault.ts";
import { type Origins, sourceOf } from "./origins.ts";
import { type ConfigProblem, nearest } from "./problem.ts";
import type { FileSettings } from "./schema.ts";

/**
 * What the members of a policy do not say of each other.
 * @param verbs every act of administration; may be empty where no policy names one
 */
export function checkPolicies(
  rules: FileSettings["policies"]["rules"],
  verbs: readonly string[],
  origins: Origins,
): ConfigProblem[] {
  return rules.flatMap((rule, at) => {
    const fault = ruleFault(rule, verbs);
    if (fault === undefined) return [];
    const { member, index, expected, detail } = fault;
    const key = `policies.rules[${at}].${member}${index === undefined ? "" : `[${index}]`}`;
    const whole = rule[member];
    const value = index === undefined ? whole : (whole as readonly string[])[index];
    const near = member === "actions" && typeof value === "string" ? nearest(value, verbs) : undefined;
    const fix = detail ?? (near === undefined ? "" : `did you mean "${near}"?`);
    return { source: sourceOf(key, origins), key, found: JSON.stringify(value) ?? "nothing", expected, fix };
  });
}
