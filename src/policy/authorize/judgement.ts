import type { AccessEffect, Policy } from "../../model/policy.ts";
import type { ActContext, ConditionContext } from "./condition.ts";
import type { CompiledPolicy } from "./policy-index.ts";

/** What the decision looks at in a policy that was found to name the subject, the action and the target. */
export type Named = Pick<CompiledPolicy, "policy" | "condition">;

/** What a policy said of one call: `failed` where its condition could not be answered, `pending` where it needs the call. */
export type Answer = "applies" | "does_not_apply" | "failed" | "pending";

export interface Judgement {
  readonly permitted: boolean;
  /** Undefined where the default decided. */
  readonly decidedBy: Policy | undefined;
  /** Conditions on the call itself have still to be asked. */
  readonly pending: boolean;
}

/**
 * The decision, from the policies that name subject, action and target. A deny that applies wins, as does a condition that
 * fails or an effect that a later release wrote; else an allow that applies; else the default.
 * @param context without a call where it is about visibility: conditions on the call stay pending
 * @param onAnswer is told each policy's answer, for explanations; all are asked then
 */
export function judge(
  policies: readonly Named[],
  defaultEffect: AccessEffect,
  context: ConditionContext | ActContext,
  isCall: boolean,
  onAnswer?: (policy: Policy, answer: Answer) => void,
): Judgement {
  let denial: Policy | undefined;
  let allowance: Policy | undefined;
  let conditional: Policy | undefined;
  let pending = false;
  for (const compiled of policies) {
    const { policy } = compiled;
    const answer = answerOf(compiled, context, isCall);
    onAnswer?.(policy, answer);
    if (answer === "pending") pending = true;
    if (policy.effect === "allow" && compiled.condition !== undefined) conditional ??= policy;
    if (answer === "failed" || (answer === "applies" && policy.effect !== "allow")) {
      denial ??= policy;
      if (onAnswer === undefined) break;
    } else if (answer === "applies" || (answer === "pending" && policy.effect === "allow")) {
      allowance ??= policy;
    }
  }
  if (denial !== undefined) return { permitted: false, decidedBy: denial, pending: false };
  if (allowance !== undefined) return { permitted: true, decidedBy: allowance, pending };
  const permitted = defaultEffect === "allow";
  return { permitted, decidedBy: permitted ? undefined : conditional, pending };
}

export function answerOf(
  { condition }: Pick<CompiledPolicy, "condition">,
  context: ConditionContext | ActContext,
  isCall: boolean,
): Answer {
  if (condition === undefined) return "applies";
  if (condition.dependsOnCall && !isCall) return "pending";
  try {
    return condition.holds(context) ? "applies" : "does_not_apply";
  } catch {
    return "failed";
  }
}
