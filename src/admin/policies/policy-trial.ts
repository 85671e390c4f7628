import { type AccessEffect, governsCalls, type Policies, type Policy } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import {
  type ConditionContext,
  ConditionPrincipal,
  ConditionTool,
} from "../../policy/authorize/condition.ts";
import { type Answer, judge } from "../../policy/authorize/judgement.ts";
import type { Kind } from "../../policy/authorize/pattern.ts";
import { grantedPermissions } from "../../policy/authorize/permission-cache.ts";
import type { Permissions } from "../../policy/authorize/permissions.ts";
import { NamespacePolicies, subjectsOf } from "../../policy/authorize/policed-permissions.ts";
import { ACTION_OF, type CompiledPolicy } from "../../policy/authorize/policy-index.ts";
import type { ScopeRules } from "../../policy/authorize/scope-rules.ts";
import type { JsonObject } from "../../protocol/json-value.ts";

/** `hidden`: answered as something unknown; `deny`: visible, and refused with the policy's name. */
export type Verdict = "allow" | "deny" | "hidden";

/** A call that is thought, or was made. */
export interface TriedCall {
  readonly namespaceSlug: string;
  /** Undefined where nobody's credential is bound to it. */
  readonly namespaceId: string | undefined;
  readonly server: string;
  readonly kind: Kind;
  readonly name: string;
  readonly annotations: JsonObject;
  readonly args: JsonObject;
  readonly time: Date;
  readonly clientAddress: string;
}
export interface TriedStep {
  readonly policy: Policy;
  readonly answer: Answer;
}
export interface Trial {
  readonly verdict: Verdict;
  /** It stands in lists, whatever its arguments will be. */
  readonly isVisible: boolean;
  /** Role, permission patterns and scopes grant it; without that no policy is asked. */
  readonly granted: boolean;
  readonly decidedBy: Policy | undefined;
  /** Every policy that names caller, action and target, in order. */
  readonly chain: readonly TriedStep[];
  /** A condition of it reads the call itself. */
  readonly dependsOnCall: boolean;
  /** Of its arguments, even. */
  readonly readsArguments: boolean;
  /** What decides where no policy does. */
  readonly defaultEffect: AccessEffect;
}

/** Policies of one organisation, asked about calls that nobody makes: the same judgement as for those that are made. */
export class PolicyTrial {
  readonly #policies: Policies;
  readonly #isEmpty: boolean;
  readonly #scopes: ScopeRules | undefined;
  readonly #byNamespace = new Map<string, NamespacePolicies>();

  constructor(policies: Policies, scopes: ScopeRules | undefined) {
    this.#policies = policies;
    this.#isEmpty = !policies.all.some(governsCalls);
    this.#scopes = scopes;
  }

  ask(principal: Principal, call: TriedCall): Trial {
    const isElsewhere = principal.namespaceBound && principal.namespaceId !== call.namespaceId;
    const permissions = grantedPermissions(principal, call.namespaceSlug, this.#scopes);
    const granted = !isElsewhere && grants(permissions, call);
    const use = this.#isEmpty ? [] : this.#namedBy(principal, call);
    const context: ConditionContext = {
      principal: new ConditionPrincipal(principal),
      tool: new ConditionTool(call.namespaceSlug, call.kind, call.server, call.name, call.annotations),
      args: call.args,
      time: call.time,
      client_address: call.clientAddress,
    };
    const defaultEffect = this.#isEmpty ? "allow" : this.#policies.defaultEffect;
    const chain: TriedStep[] = [];
    const visible = judge(use, defaultEffect, context, false);
    const made = judge(use, defaultEffect, context, true, (policy, answer) => chain.push({ policy, answer }));
    const common = {
      granted,
      chain,
      defaultEffect,
      dependsOnCall: use.some(({ condition }) => condition?.dependsOnCall === true),
      readsArguments: use.some(({ condition }) => condition?.readsArguments === true),
    };
    const isVisible = granted && visible.permitted;
    if (!granted) return { ...common, verdict: "hidden", isVisible, decidedBy: undefined };
    const verdict = made.permitted ? "allow" : isVisible ? "deny" : "hidden";
    return { ...common, verdict, isVisible, decidedBy: made.decidedBy };
  }

  #namedBy(
    principal: Principal,
    { namespaceSlug, kind, server, name }: TriedCall,
  ): readonly CompiledPolicy[] {
    let compiled = this.#byNamespace.get(namespaceSlug);
    if (compiled === undefined) {
      compiled = new NamespacePolicies(this.#policies, namespaceSlug, 0);
      this.#byNamespace.set(namespaceSlug, compiled);
    }
    const { index } = compiled;
    return index
      .find(index.named(subjectsOf(principal)), kind, server, name)
      .filter(({ policy }) => policy.actions.some((one) => one === "*" || one === ACTION_OF[kind]));
  }
}

export function grants(
  permissions: Permissions,
  { kind, server, name }: Pick<TriedCall, "kind" | "server" | "name">,
): boolean {
  switch (kind) {
    case "tool":
      return permissions.tool(server, name);
    case "prompt":
      return permissions.prompt(server, name);
    case "resource":
      return permissions.resource(server, name);
    case "extension":
      return permissions.extension(server, name);
  }
}
