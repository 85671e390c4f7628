import type { Operation, OperationObject } from "../../model/operation.ts";
import {
  type AccessEffect,
  governsActs,
  isVerbPattern,
  type Policies,
  type Policy,
} from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import { matcherOf, matchesVerb, namesEveryObject } from "./act-pattern.ts";
import { type ActContext, type Condition, ConditionPrincipal, ConditionTarget } from "./condition.ts";
import { type Answer, type Judgement, judge } from "./judgement.ts";
import { subjectsOf } from "./policed-permissions.ts";
import { byPriority, conditionOf } from "./policy-index.ts";

/** Acts on policies are no policy's to deny to a platform administrator, so that there is always somebody to undo one. */
export function isBeyondPolicies(action: string, { platformAdmin }: Principal): boolean {
  return platformAdmin && nounOf(action) === "policy";
}
/** Stands for the policy that denied where it was the default. */
export const DEFAULT_NAME = "policies.default";

/** One act, as policies are asked about it. */
export interface Act {
  readonly action: string;
  readonly principal: Principal;
  readonly object: OperationObject;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly clientAddress: string;
}

interface CompiledAct {
  readonly policy: Policy;
  readonly condition: Condition | undefined;
  readonly names: (object: OperationObject) => boolean;
  /** The answer depends on which object it is. */
  readonly readsObject: boolean;
}

/** Policies about one act. */
interface VerbPolicies {
  /** The default is `deny`, and some `allow` names the act. */
  readonly isExclusive: boolean;
  readonly bySubject: ReadonlyMap<string, readonly CompiledAct[]>;
}

/** What came of an act, and the default that held for it. */
export interface ActJudgement extends Judgement {
  readonly defaultEffect: AccessEffect;
  readonly dependsOnCall: boolean;
}

/**
 * The policies of an organisation on acts of administration. They narrow the role table. A verb that no `allow` names is
 * open to whom the role table lets, whatever the default; where the default is `deny`, one that some `allow` names is
 * open to whom an `allow` names alone.
 */
export class ActPolicies {
  readonly #all: readonly CompiledAct[];
  readonly #defaultEffect: AccessEffect;
  /** As many as there are acts. */
  readonly #byAction = new Map<string, VerbPolicies>();

  constructor({ all, defaultEffect }: Policies) {
    this.#all = all.filter(governsActs).map(compile);
    this.#defaultEffect = defaultEffect;
  }

  /** @returns the name of the policy that denies the act; none for what is permitted */
  async refusal(operation: Operation, now: number): Promise<string | undefined> {
    const { action, principal, clientAddress } = operation;
    const { isExclusive, named } = this.#naming(action, principal);
    if (named.length === 0 && !isExclusive) return undefined;
    const unknown: OperationObject = {
      kind: nounOf(action),
      id: undefined,
      name: undefined,
      namespaceSlug: undefined,
    };
    const objects = named.some(({ readsObject }) => readsObject) ? await operation.objects() : [unknown];
    for (const object of objects) {
      const { permitted, decidedBy } = this.judge({ action, principal, object, now, clientAddress });
      if (!permitted) return decidedBy?.name ?? DEFAULT_NAME;
    }
    return undefined;
  }

  /** @param onAnswer is told the answer of each policy that names caller, act and object */
  judge(act: Act, onAnswer?: (policy: Policy, answer: Answer) => void): ActJudgement {
    const { action, principal, object } = act;
    const { isExclusive, named: naming } = this.#naming(action, principal);
    const named = naming.filter(({ names }) => names(object));
    const context: ActContext = {
      principal: new ConditionPrincipal(principal),
      target: new ConditionTarget(object),
      time: new Date(act.now),
      client_address: act.clientAddress,
    };
    const defaultEffect = isExclusive ? "deny" : "allow";
    return {
      ...judge(named, defaultEffect, context, true, onAnswer),
      defaultEffect,
      dependsOnCall: named.some(({ condition }) => condition?.dependsOnCall === true),
    };
  }

  /** Those about the act and somebody, in order. */
  #naming(
    action: string,
    principal: Principal,
  ): { readonly isExclusive: boolean; readonly named: readonly CompiledAct[] } {
    if (isBeyondPolicies(action, principal)) return { isExclusive: false, named: [] };
    const { isExclusive, bySubject } = this.#of(action);
    const found = new Set(subjectsOf(principal).flatMap((subject) => bySubject.get(subject) ?? []));
    return { isExclusive, named: [...found].sort((a, b) => byPriority(a.policy, b.policy)) };
  }

  #of(action: string): VerbPolicies {
    let known = this.#byAction.get(action);
    if (known === undefined) {
      const about = this.#all.filter(({ policy }) =>
        policy.actions.some((one) => isVerbPattern(one) && matchesVerb(one, action)),
      );
      const bySubject = new Map<string, CompiledAct[]>();
      for (const one of about) {
        for (const subject of new Set(one.policy.subjects)) {
          const those = bySubject.get(subject);
          if (those === undefined) bySubject.set(subject, [one]);
          else those.push(one);
        }
      }
      const isExclusive =
        this.#defaultEffect === "deny" && about.some(({ policy }) => policy.effect === "allow");
      this.#byAction.set(action, (known = { isExclusive, bySubject }));
    }
    return known;
  }
}

export const nounOf = (action: string): string => action.slice(0, action.indexOf("."));

function compile(policy: Policy): CompiledAct {
  const condition = policy.condition === undefined ? undefined : conditionOf(policy.condition, "act");
  const matchers = policy.resources.map(matcherOf);
  const { namespaceSlug } = policy;
  return {
    policy,
    condition,
    names: (object) =>
      (namespaceSlug === undefined || namespaceSlug === object.namespaceSlug) &&
      matchers.some((matches) => matches(object)),
    readsObject:
      namespaceSlug !== undefined ||
      condition?.readsTarget === true ||
      !policy.resources.every(namesEveryObject),
  };
}
