import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Policy, PolicyAction, PolicyEffect, PolicyRecord, PolicyRule } from "../../model/policy.ts";
import { isVerb, parseObjectPattern } from "../../policy/authorize/act-pattern.ts";
import { CONDITION_LENGTH_MAX, compileCondition, isFault } from "../../policy/authorize/condition.ts";
import { isPattern } from "../../policy/authorize/pattern.ts";
import { ruleFault } from "../../policy/authorize/rule-fault.ts";
import { isSubject } from "../../policy/authorize/subject.ts";
import { membersRefused } from "../checked.ts";
import { label, note, slug, time, timeOf, uuid } from "../fields.ts";
import type { AdminParts } from "../parts.ts";

const subject = z.string().max(300).refine(isSubject, {
  error: "must be *, or a name after user:, key:, client:, role: or group:",
});
const resource = z
  .string()
  .max(512)
  .refine((value) => isPattern(value) || parseObjectPattern(value) !== undefined, {
    error: "must be a pattern such as server:tool",
  });
const CALL_ACTIONS: readonly string[] = ["*", "call", "read", "get", "list"];
const action = z
  .string()
  .max(130)
  .refine((value): value is PolicyAction => CALL_ACTIONS.includes(value) || isVerb(value), {
    error: "must be *, call, read, get, list, or an act of administration such as server.create",
  });
const condition = z
  .string()
  .min(1)
  .max(CONDITION_LENGTH_MAX)
  .superRefine((value, context) => {
    const result = compileCondition(value);
    if (!isFault(result) || !isFault(compileCondition(value, "act"))) return;
    context.addIssue({
      code: "custom",
      message: `line ${result.line}, column ${result.column}: ${result.message}`,
    });
  })
  .describe(
    "CEL over principal, tool, args, time and client_address; about acts over principal, target, time and client_address.",
  );

export const policyEffect = z.enum(["allow", "deny", "route"]) satisfies z.ZodType<PolicyEffect>;
const rule = {
  effect: policyEffect.describe("A deny that applies wins over any allow; `route` says who serves."),
  subjects: z.array(subject).min(1).max(1_000),
  actions: z
    .array(action)
    .min(1)
    .max(200)
    .describe(
      "Calls (`*` is all of call, read, get and list), or acts of administration as `x-action` and the record name them: `server.create`, `server.*`, `*.delete`, `*.*`.",
    ),
  resources: z
    .array(resource)
    .min(1)
    .max(1_000)
    .describe("Of calls `server:tool` and the like; of acts their objects by id or name, `server:prod-*`."),
};
const route = z
  .strictObject({ server: slug.describe("The server that serves, of the same namespace.") })
  .describe("Of the effect `route`: who serves instead of the servers that `resources` name.");
export const newPolicy = z.strictObject({
  name: label,
  description: note.default(""),
  namespace: slug.optional().describe("The one namespace it is about; every one without it."),
  effect: rule.effect,
  subjects: rule.subjects.default(["*"]),
  actions: rule.actions.default(["*"]),
  resources: rule.resources.default(["*"]),
  condition: condition.optional(),
  route: route.optional(),
  priority: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe("Of several routes the highest decides; else it orders explanations."),
  active: z.boolean().default(true),
});
export const policyChange = z
  .strictObject({
    name: label,
    description: note,
    ...rule,
    condition: condition.nullable(),
    route: route.nullable(),
    priority: z.int().min(0).max(1_000_000),
    active: z.boolean(),
  })
  .partial();
export const policy = z
  .object({
    id: uuid,
    name: z.string(),
    description: z.string(),
    namespace: z.string().nullable(),
    namespace_id: uuid.nullable(),
    managed: z.boolean().describe("It comes from the configuration file, and is changed there."),
    effect: rule.effect,
    subjects: z.array(z.string()),
    actions: z.array(z.string()),
    resources: z.array(z.string()),
    condition: z.string().nullable(),
    route: z.object({ server: z.string() }).nullable(),
    priority: z.number(),
    active: z.boolean(),
    created_at: time.nullable(),
    updated_at: time.nullable(),
  })
  .meta({ id: "Policy" });
export type PolicyView = z.input<typeof policy>;

function ruleView({ effect, subjects, actions, resources, condition: text, route: led }: PolicyRule) {
  return {
    effect,
    subjects: [...subjects],
    actions: [...actions],
    resources: [...resources],
    condition: text ?? null,
    route: led ?? null,
  };
}

export function storedPolicyView(row: PolicyRecord, namespaceSlug: string | null): PolicyView {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    namespace: namespaceSlug,
    namespace_id: row.namespaceId,
    managed: false,
    ...ruleView(row),
    priority: row.priority,
    active: row.isActive,
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  };
}

export function managedPolicyView(one: Policy, namespaceId: string | null): PolicyView {
  return {
    id: one.id,
    name: one.name,
    description: "",
    namespace: one.namespaceSlug ?? null,
    namespace_id: namespaceId,
    managed: true,
    ...ruleView(one),
    priority: one.priority,
    active: true,
    created_at: null,
    updated_at: null,
  };
}

/** A policy that is tried out and not kept. */
export function proposed(body: z.output<typeof newPolicy>): Policy {
  const {
    name,
    namespace,
    effect,
    subjects,
    actions,
    resources,
    condition: text,
    route: led,
    priority,
  } = body;
  return {
    id: `proposed:${name}`,
    name,
    namespaceSlug: namespace,
    effect,
    subjects,
    actions,
    resources,
    condition: text,
    route: led,
    priority,
    source: "store",
  };
}

export function managed(what: Policy | undefined): void {
  if (what !== undefined) throw new GatewayError("managed_by_file", { what: "The policy" });
}

/**
 * What the members of a rule do not say of each other.
 * @param place of the rule in the body, with a dot behind it
 * @throws GatewayError `invalid_request`
 */
export function checkRule(
  { verbs }: AdminParts,
  rule: Pick<PolicyRule, "effect" | "route" | "actions" | "resources" | "condition">,
  place = "",
): void {
  const fault = ruleFault(rule, verbs.keys());
  if (fault === undefined) return;
  const path = `${place}${fault.member}${fault.index === undefined ? "" : `.${fault.index}`}`;
  const message = fault.detail ?? `must be ${fault.expected}`;
  throw membersRefused({ path, message });
}
