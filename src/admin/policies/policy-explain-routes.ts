import { z } from "zod";
import type { Operation } from "../../model/operation.ts";
import type { Principal } from "../../model/principal.ts";
import { cursorFault, role, uuid } from "../fields.ts";
import { pages } from "../paged-rows.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute } from "../route.ts";
import { actBody } from "./policy-act-trial.ts";
import { policyEffect } from "./policy-body.ts";
import { principalBody, principalOf } from "./policy-principal.ts";
import { Questions, question } from "./policy-question.ts";
import type { Trial } from "./policy-trial.ts";
import { callBody, decision, decisionView, serving, servingView, set, tried } from "./policy-trial-body.ts";

/** Keys and users looked at for one page, whatever their answer. */
const LOOKED_AT_MAX = 1_000;

const answer = z.enum(["allow", "deny", "hidden", "depends"]);
type Answer = z.output<typeof answer>;

/** Without arguments a condition on the call leaves open what would come of it. @param isWhole nothing of it is left out */
function answerOf({ verdict, isVisible, dependsOnCall }: Trial, isWhole: boolean): Answer {
  return !isWhole && dependsOnCall && isVisible ? "depends" : verdict;
}

interface Candidate {
  readonly kind: "key" | "user";
  readonly id: string;
  readonly name: string;
  /** Undefined for one who is not let in. */
  readonly principal: Principal | undefined;
}

/** Keys, then users, in order of id, behind the place a cursor names. */
async function* candidates(
  { store, callers }: AdminParts,
  operation: Operation,
  after: { readonly kind: "key" | "user"; readonly id: string | undefined },
): AsyncGenerator<Candidate> {
  const { organizationId } = operation;
  if (after.kind === "key") {
    for await (const { id, name } of pages((page) => store.apiKeys.list(organizationId, page), after.id))
      yield { kind: "key", id, name, principal: await callers.key(organizationId, id) };
  }
  const firstUser = after.kind === "user" ? after.id : undefined;
  for await (const { id, username } of pages((page) => store.users.list(organizationId, page), firstUser))
    yield { kind: "user", id, name: username, principal: await callers.user(organizationId, id) };
}

/** @throws GatewayError `invalid_request` */
function placeOf(cursor: string | undefined): { kind: "key" | "user"; id: string | undefined } {
  if (cursor === undefined) return { kind: "key", id: undefined };
  const [kind, id] = Buffer.from(cursor, "base64url").toString("utf8").split(":");
  if ((kind !== "key" && kind !== "user") || !uuid.safeParse(id).success) {
    throw cursorFault();
  }
  return { kind, id };
}

export const policyExplainRoutes = [
  defineRoute({
    id: "policies-explain",
    method: "POST",
    path: "/policies/explain",
    roles: ["admin", "viewer"],
    action: "policy.explain",
    summary:
      "Why somebody may or may not make a call, or an act of administration: the deciding policy and the whole chain.",
    reads: true,
    body: z.strictObject({ ...set, principal: principalBody, ...question }),
    response: z.object({
      ...decision,
      ...serving,
      default: z.enum(["allow", "deny"]),
      steps: z
        .array(
          z.object({
            step: z.enum(["namespace", "role", "permissions", "scopes", "policies", "route"]),
            outcome: z.enum(["passes", "refuses", "not_asked"]),
            detail: z.string(),
          }),
        )
        .describe("In the order in which they are asked; the first that refuses is the reason."),
      chain: z.array(
        z.object({
          policy: z.string(),
          effect: policyEffect,
          condition: z.string().nullable(),
          answer: z.enum(["applies", "does_not_apply", "failed", "pending"]),
        }),
      ),
    }),
    refuses: ["not_found", "conflict"],
    handle: async ({ operation, parts, body }) => {
      const policies = tried(parts, operation, body);
      const who = await principalOf(parts, operation, body.principal);
      const asked = await new Questions(parts, operation, policies).read(body);
      const trial = asked.ask(who);
      const served = asked.serving(who);
      return {
        body: {
          ...decisionView(trial),
          ...servingView(served),
          default: trial.defaultEffect,
          steps: asked.steps(who, trial),
          chain: [...trial.chain, ...(served?.chain ?? [])].map(({ policy, answer: said }) => ({
            policy: policy.name,
            effect: policy.effect,
            condition: policy.condition ?? null,
            answer: said,
          })),
        },
      };
    },
  }),
  defineRoute({
    id: "policies-who",
    method: "POST",
    path: "/policies/who",
    roles: ["admin"],
    action: "policy.who",
    summary:
      "Who may make a call, or an act of administration: the organisation's keys and users, page by page, each with its answer.",
    reads: true,
    body: z.strictObject({
      ...set,
      call: callBody
        .extend({ arguments: z.record(z.string(), z.unknown()).optional() })
        .optional()
        .describe("Without `arguments` a condition on the call is left open: `depends`."),
      act: actBody
        .optional()
        .describe("Instead of a call. Without `client_address` a condition on it or on time is left open."),
      answers: z.array(answer).min(1).max(4).default(["allow", "depends"]).describe("Those to be shown."),
      limit: z.int().min(1).max(1_000).default(100),
      cursor: z.string().max(512).optional().describe("`next_cursor` of the page before."),
    }),
    response: z.object({
      items: z.array(
        z.object({
          kind: z.enum(["key", "user"]),
          id: uuid,
          name: z.string(),
          role,
          answer,
          granted: decision.granted,
          decided_by: decision.decided_by,
        }),
      ),
      next_cursor: z.string().nullable(),
      scopes: z
        .array(z.string())
        .describe(
          "What a token of an identity provider needs, whoever holds it; none where no pattern names it.",
        ),
    }),
    handle: async ({ operation, parts, body }) => {
      const { call, act } = body;
      const questions = new Questions(parts, operation, tried(parts, operation, body));
      const asked = await questions.read({
        act,
        call: call && { ...call, arguments: call.arguments ?? {} },
      });
      const isWhole = (call?.arguments ?? act?.client_address) !== undefined;
      const items = [];
      let lookedAt = 0;
      let hasMore = false;
      let cursor: string | null = null;
      for await (const { kind, id, name, principal } of candidates(parts, operation, placeOf(body.cursor))) {
        hasMore = items.length === body.limit || lookedAt === LOOKED_AT_MAX;
        if (hasMore) break;
        cursor = Buffer.from(`${kind}:${id}`).toString("base64url");
        lookedAt++;
        if (principal === undefined) continue;
        const tried_ = asked.ask(principal);
        const shown = answerOf(tried_, isWhole);
        if (!body.answers.includes(shown)) continue;
        const { granted, decided_by } = decisionView(tried_);
        items.push({
          kind,
          id,
          name,
          role: principal.role,
          answer: shown,
          granted,
          decided_by,
        });
      }
      return { body: { items, next_cursor: hasMore ? cursor : null, scopes: asked.scopes } };
    },
  }),
];
