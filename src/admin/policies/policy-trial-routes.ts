import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Policies } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import type { Kind } from "../../policy/authorize/pattern.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import { slug, time, timeOf } from "../fields.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute } from "../route.ts";
import { newPolicy, proposed } from "./policy-body.ts";
import { callerOf, principalBody, principalOf } from "./policy-principal.ts";
import { PolicyTrial, type Trial, type TriedCall } from "./policy-trial.ts";

const CASES_MAX = 500;
const POLICIES_MAX = 1_000;
const CALLS_MAX = 10_000;
const PAGE = 1_000;
/** Records looked at for them, whatever they are about. */
const RECORDS_MAX = 50_000;

const callBody = z
  .strictObject({
    namespace: slug.default("default"),
    server: slug,
    tool: z.string().min(1).max(256).optional(),
    prompt: z.string().min(1).max(256).optional(),
    resource: z.string().min(1).max(4_096).optional(),
    arguments: z.record(z.string(), z.unknown()).default({}),
    time: time.optional(),
    client_address: z.string().max(64).default("127.0.0.1"),
  })
  .describe("One of tool, prompt and resource, by the server's own name.");
const verdict = z.enum(["allow", "deny", "hidden"]);
const set = {
  policies: z
    .array(newPolicy)
    .max(POLICIES_MAX)
    .optional()
    .describe("Proposed policies; without them those in force."),
  mode: z.enum(["add", "replace"]).default("add").describe("Beside those in force, or instead of them."),
};
const decision = {
  verdict,
  granted: z.boolean().describe("Role and permissions grant it; without that no policy is asked."),
  decided_by: z.string().nullable().describe("The policy; none where permissions or the default decided."),
};

function inForce(parts: AdminParts, { organizationId }: Operation): Policies {
  return parts.organization(organizationId)?.policies ?? { all: [], defaultEffect: parts.policyDefault() };
}

function knownNamespace(
  parts: AdminParts,
  { organizationId }: Operation,
  namespaceSlug: string | undefined,
): void {
  if (namespaceSlug === undefined) return;
  if (parts.organization(organizationId)?.namespacesBySlug.has(namespaceSlug)) return;
  throw new GatewayError("invalid_request", { detail: `namespace: there is no namespace ${namespaceSlug}` });
}

function tried(
  parts: AdminParts,
  operation: Operation,
  body: { readonly policies?: z.output<typeof newPolicy>[] | undefined; readonly mode: "add" | "replace" },
): Policies {
  const now = inForce(parts, operation);
  if (body.policies === undefined) return now;
  for (const { namespace } of body.policies) knownNamespace(parts, operation, namespace);
  const names = new Set(body.policies.map(({ name }) => name));
  const kept = body.mode === "replace" ? [] : now.all.filter(({ name }) => !names.has(name));
  const added = body.policies.filter(({ active }) => active).map(proposed);
  return { ...now, all: [...kept, ...added] };
}

function callOf(parts: AdminParts, operation: Operation, body: z.output<typeof callBody>): TriedCall {
  const { organizationId } = operation;
  knownNamespace(parts, operation, body.namespace);
  const named = (["tool", "prompt", "resource"] as const).filter((kind) => body[kind] !== undefined);
  const [kind] = named;
  if (kind === undefined || named.length > 1) {
    throw new GatewayError("invalid_request", { detail: "call: one of tool, prompt and resource" });
  }
  const name = body[kind] as string;
  return {
    namespaceSlug: body.namespace,
    namespaceId: parts.organization(organizationId)?.namespacesBySlug.get(body.namespace)?.id,
    server: body.server,
    kind,
    name,
    annotations: annotationsOf(parts, organizationId, body.namespace, body.server, name),
    args: body.arguments as JsonObject,
    time: body.time === undefined ? new Date(parts.clock.now()) : new Date(body.time),
    clientAddress: body.client_address,
  };
}

/** As the server listed them, where it is there. */
function annotationsOf(
  parts: AdminParts,
  organizationId: string,
  namespaceSlug: string,
  server: string,
  tool: string,
): JsonObject {
  const namespace = parts.organization(organizationId)?.namespacesBySlug.get(namespaceSlug);
  const id = namespace?.servers.find(({ name }) => name === server)?.id;
  const entry =
    id === undefined ? undefined : parts.running(id)?.part?.entries.tools.find(({ name }) => name === tool);
  const annotations = entry?.definition.annotations;
  return typeof annotations === "object" && annotations !== null && !Array.isArray(annotations)
    ? annotations
    : {};
}

const decisionView = ({ verdict: end, granted, decidedBy }: Trial) => ({
  verdict: end,
  granted,
  decided_by: decidedBy?.name ?? null,
});

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
      const trial = new PolicyTrial(tried(parts, operation, body));
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
    id: "policies-explain",
    method: "POST",
    path: "/policies/explain",
    roles: ["admin", "viewer"],
    action: "policy.explain",
    summary: "Why somebody may or may not make a call: the deciding policy and the whole chain.",
    reads: true,
    body: z.strictObject({ ...set, principal: principalBody, call: callBody }),
    response: z.object({
      ...decision,
      default: z.enum(["allow", "deny"]),
      chain: z.array(
        z.object({
          policy: z.string(),
          effect: z.enum(["allow", "deny"]),
          condition: z.string().nullable(),
          answer: z.enum(["applies", "does_not_apply", "failed", "pending"]),
        }),
      ),
    }),
    refuses: ["not_found", "conflict"],
    handle: async ({ operation, parts, body }) => {
      const policies = tried(parts, operation, body);
      const who = await principalOf(parts, operation, body.principal);
      const trial = new PolicyTrial(policies).ask(who, callOf(parts, operation, body.call));
      return {
        body: {
          ...decisionView(trial),
          default: policies.all.length === 0 ? "allow" : policies.defaultEffect,
          chain: trial.chain.map(({ policy, answer }) => ({
            policy: policy.name,
            effect: policy.effect,
            condition: policy.condition ?? null,
            answer,
          })),
        },
      };
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
      const before = new PolicyTrial(inForce(parts, operation));
      const after = new PolicyTrial(tried(parts, operation, body));
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
