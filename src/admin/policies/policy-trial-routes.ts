import { z } from "zod";
import { defineRoute } from "../route.ts";
import { principalBody, principalOf } from "./policy-principal.ts";
import { Questions, question } from "./policy-question.ts";
import { decision, decisionView, set, tried, verdict } from "./policy-trial-body.ts";

const CASES_MAX = 500;

export const policyTrialRoutes = [
  defineRoute({
    id: "policies-test",
    method: "POST",
    path: "/policies/test",
    roles: ["admin", "viewer"],
    action: "policy.test",
    summary:
      "Asks policies in force or proposed about calls and acts nobody makes, and says which came out otherwise than expected.",
    reads: true,
    body: z.strictObject({
      ...set,
      cases: z
        .array(
          z.strictObject({
            name: z.string().max(200).optional(),
            principal: principalBody,
            ...question,
            expect: verdict.optional(),
          }),
        )
        .min(1)
        .max(CASES_MAX),
    }),
    response: z.object({
      passed: z.number(),
      failed: z.number(),
      cases: z.array(z.object({ name: z.string().nullable(), ok: z.boolean(), ...decision })),
    }),
    refuses: ["not_found", "conflict"],
    handle: async ({ operation, parts, body }) => {
      const questions = new Questions(parts, operation, tried(parts, operation, body));
      const cases = [];
      for (const { name, principal, expect, ...asked } of body.cases) {
        const who = await principalOf(parts, operation, principal);
        const view = decisionView((await questions.read(asked)).ask(who));
        cases.push({ name: name ?? null, ok: expect === undefined || expect === view.verdict, ...view });
      }
      const failed = cases.filter(({ ok }) => !ok).length;
      return { body: { passed: cases.length - failed, failed, cases } };
    },
  }),
];
