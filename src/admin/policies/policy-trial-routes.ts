import { z } from "zod";
import { slug } from "../fields.ts";
import { defineRoute } from "../route.ts";
import { principalBody, principalOf } from "./policy-principal.ts";
import { Questions, question } from "./policy-question.ts";
import { decision, decisionView, serving, servingView, set, tried, verdict } from "./policy-trial-body.ts";

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
            expect_served_by: slug.optional().describe("The server that a route shall have answer the call."),
          }),
        )
        .min(1)
        .max(CASES_MAX),
    }),
    response: z.object({
      passed: z.number(),
      failed: z.number(),
      cases: z.array(z.object({ name: z.string().nullable(), ok: z.boolean(), ...decision, ...serving })),
    }),
    refuses: ["not_found", "conflict"],
    handle: async ({ operation, parts, body }) => {
      const questions = new Questions(parts, operation, tried(parts, operation, body));
      const cases = [];
      for (const { name, principal, expect, expect_served_by: server, ...asked } of body.cases) {
        const who = await principalOf(parts, operation, principal);
        const asking = await questions.read(asked);
        const view = { ...decisionView(asking.ask(who)), ...servingView(asking.serving(who)) };
        const isExpected =
          (expect === undefined || expect === view.verdict) &&
          (server === undefined || server === view.served_by);
        cases.push({ name: name ?? null, ok: isExpected, ...view });
      }
      const failed = cases.filter(({ ok }) => !ok).length;
      return { body: { passed: cases.length - failed, failed, cases } };
    },
  }),
];
