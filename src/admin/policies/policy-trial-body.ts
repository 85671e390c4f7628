import { z } from "zod";
import type { Operation } from "../../model/operation.ts";
import type { Policies, Policy } from "../../model/policy.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import { membersRefused } from "../checked.ts";
import { slug, time } from "../fields.ts";
import type { AdminParts } from "../parts.ts";
import { annotationsOf } from "./listed-annotations.ts";
import { checkRule, newPolicy, proposed } from "./policy-body.ts";
import type { Trial, TriedCall } from "./policy-trial.ts";
import type { Serving } from "./route-trial.ts";

export const POLICIES_MAX = 1_000;

export const callBody = z
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
export const verdict = z.enum(["allow", "deny", "hidden"]);
export const set = {
  policies: z
    .array(newPolicy)
    .max(POLICIES_MAX)
    .optional()
    .describe("Proposed policies; without them those in force."),
  mode: z.enum(["add", "replace"]).default("add").describe("Beside those in force, or instead of them."),
};
export const decision = {
  verdict,
  granted: z.boolean().describe("Role and permissions grant it; without that no policy is asked."),
  decided_by: z.string().nullable().describe("The policy; none where permissions or the default decided."),
};
export const serving = {
  served_by: z
    .string()
    .nullable()
    .describe("The server that answers it, where it is allowed; none where a route leads nowhere."),
  routed_by: z.string().nullable().describe("The policy that says so; none where the server answers itself."),
};

/** Policies that allow or deny, and those that say who serves. */
export interface TriedPolicies {
  readonly access: Policies;
  readonly routing: readonly Policy[];
}

export function inForce(parts: AdminParts, { organizationId }: Operation): TriedPolicies {
  const { policies, routing = [] } = parts.organization(organizationId) ?? {};
  return { access: policies ?? { all: [], defaultEffect: parts.policyDefault() }, routing };
}

/** @throws GatewayError `invalid_request` for one that is not there */
export function knownNamespace(
  parts: AdminParts,
  { organizationId }: Operation,
  namespaceSlug: string | undefined,
): void {
  if (namespaceSlug === undefined) return;
  if (parts.organization(organizationId)?.namespacesBySlug.has(namespaceSlug)) return;
  throw membersRefused({ path: "namespace", message: `there is no namespace ${namespaceSlug}` });
}

export function tried(
  parts: AdminParts,
  operation: Operation,
  body: { readonly policies?: z.output<typeof newPolicy>[] | undefined; readonly mode: "add" | "replace" },
): TriedPolicies {
  const now = inForce(parts, operation);
  if (body.policies === undefined) return now;
  for (const [index, one] of body.policies.entries()) {
    knownNamespace(parts, operation, one.namespace);
    checkRule(parts, one, `policies.${index}.`);
  }
  const names = new Set(body.policies.map(({ name }) => name));
  const before = body.mode === "replace" ? [] : [...now.access.all, ...now.routing];
  const kept = before.filter(({ name }) => !names.has(name));
  const all = [...kept, ...body.policies.filter(({ active }) => active).map(proposed)];
  return {
    access: { ...now.access, all: all.filter(({ effect }) => effect !== "route") },
    routing: all.filter(({ effect }) => effect === "route"),
  };
}

export function callOf(parts: AdminParts, operation: Operation, body: z.output<typeof callBody>): TriedCall {
  const { organizationId } = operation;
  knownNamespace(parts, operation, body.namespace);
  const named = (["tool", "prompt", "resource"] as const).filter((kind) => body[kind] !== undefined);
  const [kind] = named;
  if (kind === undefined || named.length > 1) {
    throw membersRefused({ path: "call", message: "one of tool, prompt and resource" });
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

export const servingView = (serving_: Serving | undefined) => ({
  served_by: serving_?.servedBy ?? null,
  routed_by: serving_?.routedBy?.name ?? null,
});

export const decisionView = ({ verdict: end, granted, decidedBy }: Trial) => ({
  verdict: end,
  granted,
  decided_by: decidedBy?.name ?? null,
});
