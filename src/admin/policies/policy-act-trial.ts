import { z } from "zod";
import type { Operation, OperationObject, Verbs } from "../../model/operation.ts";
import type { Policies } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import { ActPolicies, isBeyondPolicies, nounOf } from "../../policy/authorize/act-policies.ts";
import { isGranted, passesRoleTable, permittingPattern } from "../../policy/authorize/authorize-operation.ts";
import type { ScopeRules } from "../../policy/authorize/scope-rules.ts";
import { membersRefused } from "../checked.ts";
import { label, slug, time } from "../fields.ts";
import { objectNamed } from "../operation-objects.ts";
import type { AdminParts } from "../parts.ts";
import type { DecisionStep, StepOutcome } from "./policy-steps.ts";
import { policyStep } from "./policy-steps.ts";
import type { Trial, TriedStep } from "./policy-trial.ts";
import { knownNamespace } from "./policy-trial-body.ts";

export const actBody = z
  .strictObject({
    action: z.string().max(130).describe("As `x-action` and the record name it: `server.update`."),
    id: z.string().min(1).max(256).optional().describe("Of the object; its name and namespace are found."),
    name: label.optional().describe("Of an object that is not there, or is to be made."),
    namespace: slug.optional(),
    time: time.optional(),
    client_address: z.string().max(64).optional(),
  })
  .describe("An act of administration, instead of a call.");

/** An act that is thought. */
export interface TriedAct {
  readonly action: string;
  readonly object: OperationObject;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly clientAddress: string;
}

/** @throws GatewayError `invalid_request` for an act there is none of */
export async function actOf(
  parts: AdminParts,
  operation: Operation,
  body: z.output<typeof actBody>,
): Promise<TriedAct> {
  const { organizationId } = operation;
  const { action, id, name, namespace } = body;
  if (!parts.verbs.has(action)) {
    throw membersRefused({ path: "act.action", message: `there is no act ${action}` });
  }
  knownNamespace(parts, operation, namespace);
  const kind = nounOf(action);
  const known =
    id === undefined ? undefined : await objectNamed(parts, organizationId, kind, id.toLowerCase());
  return {
    action,
    object: {
      kind,
      id: known?.id,
      name: name ?? known?.name,
      namespaceSlug: namespace ?? known?.namespaceSlug,
    },
    now: body.time === undefined ? parts.clock.now() : Date.parse(body.time),
    clientAddress: body.client_address ?? "127.0.0.1",
  };
}

/** Policies of one organisation, asked about acts that nobody does: the same judgement as for those that are done. */
export class ActTrial {
  readonly #policies: ActPolicies;
  readonly #verbs: Verbs;

  readonly #scopes: ScopeRules;

  constructor(policies: Policies, verbs: Verbs, scopes: ScopeRules) {
    this.#policies = new ActPolicies(policies);
    this.#verbs = verbs;
    this.#scopes = scopes;
  }

  ask(principal: Principal, { action, ...asked }: TriedAct): Trial {
    const granted = this.#rolesOf(action).some((roles) => isGranted({ action, roles, principal }));
    const chain: TriedStep[] = [];
    const judgement = this.#policies.judge({ action, principal, ...asked }, (policy, answer) =>
      chain.push({ policy, answer }),
    );
    const { permitted, decidedBy, defaultEffect, dependsOnCall } = judgement;
    return {
      verdict: granted && permitted ? "allow" : "deny",
      isVisible: true,
      granted,
      decidedBy: granted ? decidedBy : undefined,
      chain,
      dependsOnCall: granted && dependsOnCall,
      readsArguments: false,
      defaultEffect,
    };
  }

  /** In the order in which they are asked. */
  steps(principal: Principal, { action }: TriedAct, trial: Trial): readonly DecisionStep[] {
    const { granted } = trial;
    const free = { ...principal, namespaceBound: false };
    const isBound =
      !granted && this.#rolesOf(action).some((roles) => passesRoleTable({ action, roles, principal: free }));
    const refusedBefore = { outcome: "not_asked", detail: "refused before" } as const;
    return [
      isBound
        ? {
            step: "namespace",
            outcome: "refuses",
            detail: "it concerns more than the credential's namespace",
          }
        : { step: "namespace", outcome: "passes", detail: "the credential's namespace is no matter" },
      ...(isBound
        ? [
            { step: "role", ...refusedBefore } as const,
            { step: "permissions", ...unasked } as const,
            { step: "scopes", ...refusedBefore } as const,
          ]
        : this.#grantSteps(principal, action)),
      granted ? ruling(principal, action, trial) : { step: "policies", ...refusedBefore },
    ];
  }

  /** What the role does not, scopes may: where they govern the caller, the role refuses nothing. */
  #grantSteps(principal: Principal, action: string): readonly DecisionStep[] {
    const { role, platformAdmin, scopes } = principal;
    const asked = this.#rolesOf(action).map((roles) => ({ action, roles, principal }));
    const isByRole = asked.some(passesRoleTable);
    const who = platformAdmin ? "a platform administrator" : `the role ${role}`;
    const detail = `${who} ${isByRole ? "may" : "may not"} ${action}`;
    const refusal = scopes === undefined ? "refuses" : "not_asked";
    const roleStep = { step: "role", outcome: isByRole ? "passes" : refusal, detail } as const;
    const permissions = { step: "permissions", ...unasked } as const;
    const scopeStep = (outcome: StepOutcome, said: string) =>
      [roleStep, permissions, { step: "scopes", outcome, detail: said }] as const;
    if (isByRole) return scopeStep("not_asked", "the role suffices");
    if (scopes === undefined) return scopeStep("not_asked", "scopes do not govern this caller");
    const pattern = asked.map(permittingPattern).find((one) => one !== undefined);
    if (pattern !== undefined) return scopeStep("passes", `granted by ${pattern}`);
    const needed = this.#scopes.missingOfAct(scopes, action);
    return scopeStep(
      "refuses",
      needed.length > 0 ? `it takes ${needed.join(" ")}` : `no pattern names ${action}`,
    );
  }

  #rolesOf(action: string) {
    return (this.#verbs.get(action) ?? []).map(({ roles }) => roles);
  }
}

const unasked = { outcome: "not_asked", detail: "of calls alone" } as const;

function ruling(principal: Principal, action: string, trial: Trial): DecisionStep {
  if (!isBeyondPolicies(action, principal)) return policyStep(trial);
  const detail = "a platform administrator may always see and change policies";
  return { step: "policies", outcome: "passes", detail };
}
