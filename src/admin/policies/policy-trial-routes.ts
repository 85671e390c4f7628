import { z } from "zod";
import type { Principal } from "../../model/principal.ts";
import type { Kind } from "../../policy/authorize/pattern.ts";
import { time, timeOf } from "../fields.ts";
import { defineRoute } from "../route.ts";
import { newPolicy } from "./policy-body.ts";
import { callerOf, principalBody, principalOf } from "./policy-principal.ts";
import { PolicyTrial, type TriedCall } from "./policy-trial.ts";
import {
  annotationsOf,
  callBody,
  callOf,
  decision,
  decisionView,
  inForce,
  POLICIES_MAX,
  set,
  tried,
  verdict,
} from "./policy-trial-body.ts";

const CASES_MAX = 500;
const CALLS_MAX = 10_000;
const PAGE = 1_000;
/** Records looked at for them, whatever they are about. */
const RECORDS_MAX = 50_000;

const KINDS: Readonly<Record<string, Kind>> = {
  "tools/call": "tool",
  "prompts/get": "prompt",
  "resources/read": "resource",
};

export const policyTrialRoutes = [
  defineRoute({
    id: "policies-test",
    method: "POST",
    path: "/policies/test",
    roles: ["admin", "viewer"],
    action: "policy.test",
    summary:
      "Asks policies in force or proposed about calls nobody makes, and says which came out otherwise than expected.",
    reads: true,
    body: z.strictObject({
      ...set,
      cases: z
        .array(
          z.strictObject({
            name: z.string().max(200).optional(),
            principal: principalBody,
            call: callBody,
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
      const trial = new PolicyTrial(tried(parts, operation, body), parts.scopes.rules);
      const cases = [];
      for (const { name, principal, call, expect } of body.cases) {
        const who = await principalOf(parts, operation, principal);
        const view = decisionView(trial.ask(who, callOf(parts, operation, call)));
        cases.push({ name: name ?? null, ok: expect === undefined || expect === view.verdict, ...view });
      }
      const failed = cases.filter(({ ok }) => !ok).length;
      return { body: { passed: cases.length - failed, failed, cases } };
    },
  }),
  defineRoute({
    id: "policies-replay",
    method: "POST",
    path: "/policies/replay",
    roles: ["admin"],
    action: "policy.replay",
    summary: `What proposed policies would have changed: recorded calls, at most ${CALLS_MAX}, whose end would have been another.`,
    reads: true,
    body: z.strictObject({
      policies: z.array(newPolicy).min(1).max(POLICIES_MAX),
      mode: set.mode,
      hours: z
        .number()
        .positive()
        .max(24 * 366)
        .default(24),
    }),
    response: z.object({
      calls: z.number(),
      undecidable: z
        .number()
        .describe("A condition reads arguments, which are not recorded, or the caller is gone."),
      complete: z.boolean(),
      flips: z.array(
        z.object({
          call_id: z.string(),
          at: time,
          principal: z.string(),
          server: z.string(),
          target: z.string(),
          before: verdict,
          after: verdict,
          decided_by: z.string().nullable(),
        }),
      ),
    }),
    handle: async ({ operation, parts, body }) => {
      const { organizationId } = operation;
      const before = new PolicyTrial(inForce(parts, operation), parts.scopes.rules);
      const after = new PolicyTrial(tried(parts, operation, body), parts.scopes.rules);
      const from = parts.clock.now() - body.hours * 3_600_000;
      const known = new Map<string, Promise<Principal | undefined>>();
      const flips = [];
      let calls = 0;
      let records = 0;
      let undecidable = 0;
      let place: { at: number; id: string; sequence: number } | undefined;
      let complete = false;
      while (calls < CALLS_MAX && records < RECORDS_MAX && !complete) {
        const page = await parts.store.records.requests(organizationId, {
          from,
          limit: PAGE,
          ...(place !== undefined && { after: place }),
        });
        for (const { id, startedAt, call } of page) {
          const kind = call === undefined ? undefined : KINDS[call.method];
          if (call?.serverName === undefined || call.target === undefined || kind === undefined) continue;
          calls++;
          if (!known.has(call.principalId))
            known.set(call.principalId, callerOf(parts, operation, call.principalId));
          const principal = await known.get(call.principalId);
          const namespace = parts.organization(organizationId)?.namespacesById.get(call.namespaceId);
          if (principal === undefined || namespace === undefined) {
            undecidable++;
            continue;
          }
          const asked: TriedCall = {
            namespaceSlug: namespace.slug,
            namespaceId: namespace.id,
            server: call.serverName,
            kind,
            name: call.target,
            annotations: annotationsOf(parts, organizationId, namespace.slug, call.serverName, call.target),
            args: {},
            time: new Date(startedAt),
            clientAddress: call.clientAddress,
          };
          const [was, would] = [before.ask(principal, asked), after.ask(principal, asked)];
          if (was.dependsOnCall || would.dependsOnCall) undecidable++;
          else if (was.verdict !== would.verdict) {
            flips.push({
              call_id: id,
              at: timeOf(startedAt),
              principal: call.principalId,
              server: call.serverName,
              target: call.target,
              before: was.verdict,
              after: would.verdict,
              decided_by: would.decidedBy?.name ?? null,
            });
          }
        }
        records += page.length;
        const last = page.at(-1);
        complete = page.length < PAGE || last === undefined;
        if (last !== undefined) place = { at: last.startedAt, id: last.id, sequence: 0 };
      }
      return { body: { calls, undecidable, complete, flips } };
    },
  }),
];
