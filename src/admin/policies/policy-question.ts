import type { z } from "zod";
import type { Operation } from "../../model/operation.ts";
import type { Principal } from "../../model/principal.ts";
import type { ScopeRules } from "../../policy/authorize/scope-rules.ts";
import { membersRefused } from "../checked.ts";
import type { AdminParts } from "../parts.ts";
import { ActTrial, actBody, actOf } from "./policy-act-trial.ts";
import { type DecisionStep, stepsOf } from "./policy-steps.ts";
import { PolicyTrial, type Trial } from "./policy-trial.ts";
import { callBody, callOf, type TriedPolicies } from "./policy-trial-body.ts";
import { RouteTrial, type Serving } from "./route-trial.ts";

/** A question is about a call or about an act of administration. */
export const question = { call: callBody.optional(), act: actBody.optional() };

export interface Question {
  ask(principal: Principal): Trial;
  /** Who answers a call; nobody answers an act. */
  serving(principal: Principal): Serving | undefined;
  steps(principal: Principal, trial: Trial): readonly DecisionStep[];
  /** What a token of an identity provider needs. */
  readonly scopes: readonly string[];
}

/** Policies that are asked several questions. */
export class Questions {
  readonly #parts: AdminParts;
  readonly #operation: Operation;
  readonly #calls: PolicyTrial;
  readonly #rules: ScopeRules;
  readonly #acts: ActTrial;
  readonly #routes: RouteTrial;

  constructor(parts: AdminParts, operation: Operation, { access, routing }: TriedPolicies) {
    this.#parts = parts;
    this.#operation = operation;
    this.#rules = parts.scopes.rules(operation.organizationId);
    this.#calls = new PolicyTrial(access, this.#rules);
    this.#acts = new ActTrial(access, parts.verbs, this.#rules);
    this.#routes = new RouteTrial(parts, operation, routing);
  }

  /** @throws GatewayError `invalid_request` */
  async read(body: {
    readonly call?: z.output<typeof callBody> | undefined;
    readonly act?: z.output<typeof actBody> | undefined;
  }): Promise<Question> {
    const { call, act } = body;
    if ((call === undefined) === (act === undefined)) {
      throw membersRefused({ path: "call", message: "one of call and act" });
    }
    if (act !== undefined) {
      const asked = await actOf(this.#parts, this.#operation, act);
      return {
        ask: (principal) => this.#acts.ask(principal, asked),
        serving: () => undefined,
        steps: (principal, trial) => this.#acts.steps(principal, asked, trial),
        scopes: this.#rules.missingOfAct([], asked.action),
      };
    }
    const asked = callOf(this.#parts, this.#operation, call as z.output<typeof callBody>);
    const rules = this.#rules;
    return {
      ask: (principal) => this.#calls.ask(principal, this.#routes.annotated(principal, asked)),
      serving: (principal) => this.#routes.ask(principal, asked),
      steps: (principal, trial) =>
        stepsOf(principal, asked, trial, this.#routes.ask(principal, asked), rules),
      scopes: rules.missing([], asked.namespaceSlug, asked.kind, asked.server, asked.name),
    };
  }
}
