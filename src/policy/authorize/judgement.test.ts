import { expect, test } from "bun:test";
import type { Policy } from "../../model/policy.ts";
import type { ConditionContext } from "./condition.ts";
import { judge } from "./judgement.ts";

const policy = (effect: string) =>
  ({
    policy: { id: effect, name: effect, effect } as unknown as Policy,
    order: 0,
    condition: undefined,
    patterns: [],
  }) as const;

test("an effect this release does not know denies, whatever else allows and whatever the default is", () => {
  const unknown = policy("reroute");
  const judged = (...policies: ReturnType<typeof policy>[]) =>
    judge(policies, "allow", {} as ConditionContext, false);
  expect(judged(unknown)).toMatchObject({ permitted: false, decidedBy: unknown.policy });
  expect(judged(policy("allow"), unknown)).toMatchObject({ permitted: false, decidedBy: unknown.policy });
  expect(judged(policy("allow")).permitted).toBe(true);
  expect(judged(policy("deny")).permitted).toBe(false);
});
