import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation, OperationObject, Verbs } from "../../model/operation.ts";
import type { Policies } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import { ActPolicies, isBeyondPolicies, nounOf } from "../../policy/authorize/act-policies.ts";
import { passesRoleTable } from "../../policy/authorize/authorize-operation.ts";
import { label, slug, time } from "../fields.ts";
import { objectNamed } from "../operation-objects.ts";
import type { AdminParts } from "../parts.ts";
import type { DecisionStep } from "./policy-steps.ts";
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
    throw new GatewayError("invalid_request", { detail: `act.action: there is no act ${action}` });
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

  constructor(policies: Policies, verbs: Verbs) {
    this.#policies = new ActPolicies(policies);
    this.#verbs = verbs;
  }

  ask(principal: Principal, { action, ...asked }: TriedAct): Trial {
    const granted = this.#rolesOf(action).some((roles) => passesRoleTable({ action, roles, principal }));
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
    const who = principal.platformAdmin ? "a platform administrator" : `the role ${principal.role}`;
    const unasked = { outcome: "not_asked", detail: "of calls alone" } as const;
    const refusedBefore = { outcome: "not_asked", detail: "refused before" } as const;
    return [
      isBound
        ? {
            step: "namespace",
            outcome: "refuses",
            detail: "it concerns more than the credential's namespace",
          }
        : { step: "namespace", outcome: "passes", detail: "the credential's namespace is no matter" },
      isBound
        ? { step: "role", ...refusedBefore }
        : {
            step: "role",
            outcome: granted ? "passes" : "refuses",
            detail: `${who} ${granted ? "may" : "may not"} ${action}`,
          },
      { step: "permissions", ...unasked },
      { step: "scopes", ...unasked },
      granted ? ruling(principal, action, trial) : { step: "policies", ...refusedBefore },
    ];
  }

  #rolesOf(action: string) {
    return this.#verbs.get(action) ?? [];
  }
}

function ruling(principal: Principal, action: string, trial: Trial): DecisionStep {
  if (!isBeyondPolicies(action, principal)) return policyStep(trial);
  const detail = "a platform administrator may always see and change policies";
  return { step: "policies", outcome: "passes", detail };
}
