import type { Policies, Policy } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import { type ConditionContext, ConditionPrincipal, ConditionTool } from "./condition.ts";
import { answerOf, judge } from "./judgement.ts";
import type { Kind } from "./pattern.ts";
import type { CallFacts, Permissions } from "./permissions.ts";
import { ACTION_OF, type CompiledPolicy, PolicyIndex } from "./policy-index.ts";
import { type ListedKind, RulingMemory, type RulingsKept, rulingsKept } from "./ruling-memory.ts";

const VIEWS_MAX = 500;
/** Servers and sets of policies that a view remembers. */
const REMEMBERED_MAX = 4_000;
/** Of a context that no condition on the call is asked with. */
const NO_CALL = { args: {}, time: new Date(0), client_address: "" };

/** What policies say of one target, found once for all principals with the same subjects. */
interface Ruling {
  /** Those about using it. */
  readonly use: readonly CompiledPolicy[];
  /** Those that hide it from lists alone. */
  readonly hiding: readonly CompiledPolicy[];
  /** Whether it may be seen, where that depends on nothing about principal or tool. */
  readonly seen: boolean | undefined;
  readonly dependsOnCall: boolean;
}

/** What the call is made of does not matter to those who leave conditions on it for later. */
const ANY_CONTEXT = {} as ConditionContext;

/** The policies of one namespace, as principals of each kind see them. */
export class NamespacePolicies {
  readonly index: PolicyIndex;
  readonly policies: Policies;
  readonly #namespaceSlug: string;
  readonly #generation: number;
  /** Made anew with the views: it holds on to what it counts. */
  #rulingsKept = rulingsKept<Ruling>();
  #views = new Map<string, PolicyView>();

  constructor(policies: Policies, namespaceSlug: string, generation: number) {
    this.policies = policies;
    this.index = new PolicyIndex(policies, namespaceSlug);
    this.#namespaceSlug = namespaceSlug;
    this.#generation = generation;
  }

  /** Narrows what a principal's role and patterns grant. */
  narrow(granted: Permissions, principal: Principal): PolicedPermissions {
    const subjects = this.index.named(subjectsOf(principal));
    const shown = new ConditionPrincipal(principal);
    const class_ = JSON.stringify(this.index.readsPrincipal ? [subjects, shown] : [subjects]);
    let view = this.#views.get(class_);
    if (view === undefined) {
      if (this.#views.size >= VIEWS_MAX) {
        this.#views = new Map();
        this.#rulingsKept = rulingsKept();
      }
      view = new PolicyView(this, subjects, this.#rulingsKept);
      this.#views.set(class_, view);
    }
    const key = `${principal.permissionKey}|${this.#generation}|${class_}`;
    return new PolicedPermissions(granted, view, shown, this.#namespaceSlug, key);
  }
}

/** The subjects policies may name somebody by. */
export function subjectsOf(principal: Principal): string[] {
  const { id, userId, keyId, role, groups = [] } = principal;
  const subjects = new Set(["*", id, `role:${role}`]);
  if (userId !== undefined) subjects.add(`user:${userId}`);
  if (keyId !== undefined) subjects.add(`key:${keyId}`);
  for (const group of groups) subjects.add(`group:${group}`);
  return [...subjects];
}

/** Principals whom the same policies name share one. */
export class PolicyView {
  readonly #namespace: NamespacePolicies;
  readonly #subjects: readonly string[];
  readonly #rulings: Readonly<Record<ListedKind, RulingMemory<Ruling>>>;
  /** One for each set of policies that some target is named by. */
  readonly #bySet = new Map<string, Ruling>();
  #last: { kind: Kind; server: string; name: string; ruling: Ruling } | undefined;
  #servers = new Map<string, boolean>();

  constructor(namespace: NamespacePolicies, subjects: readonly string[], kept: RulingsKept<Ruling>) {
    this.#namespace = namespace;
    this.#subjects = subjects;
    this.#rulings = {
      tool: new RulingMemory(kept.tool),
      prompt: new RulingMemory(kept.prompt),
      resource: new RulingMemory(kept.resource),
    };
  }

  get defaultEffect() {
    return this.#namespace.policies.defaultEffect;
  }

  /** @param definition without one nobody listed it, and only the last is remembered: callers make such names up */
  ruling(kind: Kind, server: string, name: string, definition: JsonObject | undefined): Ruling {
    const last = this.#last;
    if (last?.name === name && last.server === server && last.kind === kind) return last.ruling;
    const rulings = definition === undefined || kind === "extension" ? undefined : this.#rulings[kind];
    let ruling = rulings?.get(server, name);
    if (ruling === undefined) {
      ruling = this.#shared(kind, server, name);
      rulings?.set(server, name, ruling);
    }
    this.#last = { kind, server, name, ruling };
    return ruling;
  }

  #shared(kind: Kind, server: string, name: string): Ruling {
    const found = this.#namespace.index.find(this.#subjects, kind, server, name);
    let set: string = kind;
    for (const { order } of found) set += ` ${order}`;
    let ruling = this.#bySet.get(set);
    if (ruling === undefined) {
      if (this.#bySet.size >= REMEMBERED_MAX) this.#bySet.clear();
      ruling = this.#rule(kind, found);
      this.#bySet.set(set, ruling);
    }
    return ruling;
  }

  #rule(kind: Kind, found: readonly CompiledPolicy[]): Ruling {
    const covers = ({ policy }: CompiledPolicy, action: string) =>
      policy.actions.some((one) => one === "*" || one === action);
    const use = found.filter((one) => covers(one, ACTION_OF[kind]));
    const hiding = found.filter((one) => one.policy.effect === "deny" && covers(one, "list"));
    const isAsked = use.some(({ condition }) => condition !== undefined && !condition.dependsOnCall);
    return {
      use,
      hiding,
      seen: isAsked ? undefined : judge(use, this.defaultEffect, ANY_CONTEXT, false).permitted,
      dependsOnCall: use.some((one) => one.condition?.dependsOnCall === true),
    };
  }

  /** Something of the server may be visible. */
  server(server: string, context: () => ConditionContext): boolean {
    let open = this.#servers.get(server);
    if (open === undefined) {
      if (this.#servers.size >= REMEMBERED_MAX) this.#servers = new Map();
      open = this.#isServerOpen(server, context());
      this.#servers.set(server, open);
    }
    return open;
  }

  #isServerOpen(server: string, context: ConditionContext): boolean {
    const closed = new Set<Kind>();
    let allowed = this.defaultEffect === "allow";
    for (const one of this.#namespace.index.ofServer(this.#subjects, server)) {
      const { policy, patterns, condition } = one;
      const answer = condition?.readsTool ? "pending" : answerOf(one, context, false);
      const mayApply = answer === "applies" || answer === "pending";
      if (policy.effect === "allow" && answer !== "failed") {
        allowed ||= mayApply && policy.actions.some((action) => action !== "list");
        continue;
      }
      if (answer !== "applies" && answer !== "failed") continue;
      for (const pattern of patterns) {
        if (pattern.text !== "*" || !pattern.matchesServer(server)) continue;
        for (const kind of ["tool", "prompt", "resource"] as const) {
          const isOfKind = pattern.kind === "any" || pattern.kind === kind;
          const covers = policy.actions.some((one) => one === "*" || one === ACTION_OF[kind]);
          if (isOfKind && covers) closed.add(kind);
        }
      }
    }
    return allowed && closed.size < 3;
  }
}

/** Roles and patterns, narrowed by policies; conditions on the call itself are asked with it, by `refusal`. */
export class PolicedPermissions implements Permissions {
  readonly key: string;
  readonly isUnconditional = false;
  readonly #granted: Permissions;
  readonly #view: PolicyView;
  readonly #principal: ConditionPrincipal;
  readonly #namespaceSlug: string;

  constructor(
    granted: Permissions,
    view: PolicyView,
    principal: ConditionPrincipal,
    namespaceSlug: string,
    key: string,
  ) {
    this.#granted = granted;
    this.#view = view;
    this.#principal = principal;
    this.#namespaceSlug = namespaceSlug;
    this.key = key;
  }

  tool(server: string, name: string, definition?: JsonObject): boolean {
    return this.#granted.tool(server, name) && this.#sees("tool", server, name, definition);
  }
  prompt(server: string, name: string, definition?: JsonObject): boolean {
    return this.#granted.prompt(server, name) && this.#sees("prompt", server, name, definition);
  }
  resource(server: string, uri: string, definition?: JsonObject): boolean {
    return this.#granted.resource(server, uri) && this.#sees("resource", server, uri, definition);
  }
  extension(server: string, method: string): boolean {
    return this.#granted.extension(server, method) && this.#sees("extension", server, method, undefined);
  }
  server(server: string): boolean {
    return (
      this.#granted.server(server) &&
      this.#view.server(server, () => this.#context("tool", server, "", undefined))
    );
  }

  listed(kind: Kind, server: string, name: string, definition?: JsonObject): boolean {
    const { hiding } = this.#view.ruling(kind, server, name, definition);
    return (
      hiding.length === 0 ||
      judge(hiding, "allow", this.#context(kind, server, name, definition), false).permitted
    );
  }

  refusal(
    kind: Kind,
    server: string,
    name: string,
    definition: JsonObject | undefined,
    facts: CallFacts,
  ): Policy | undefined {
    const { dependsOnCall, use } = this.#view.ruling(kind, server, name, definition);
    if (!dependsOnCall) return undefined;
    const context: ConditionContext = {
      principal: this.#principal,
      tool: this.#tool(kind, server, name, definition),
      args: facts.args,
      time: new Date(facts.now),
      client_address: facts.clientAddress,
    };
    const { permitted, decidedBy } = judge(use, this.#view.defaultEffect, context, true);
    return permitted ? undefined : (decidedBy ?? use[0]?.policy);
  }

  #sees(kind: Kind, server: string, name: string, definition: JsonObject | undefined): boolean {
    const { seen, use } = this.#view.ruling(kind, server, name, definition);
    if (seen !== undefined) return seen;
    const context = this.#context(kind, server, name, definition);
    return judge(use, this.#view.defaultEffect, context, false).permitted;
  }

  #context(kind: Kind, server: string, name: string, definition: JsonObject | undefined): ConditionContext {
    return {
      principal: this.#principal,
      tool: this.#tool(kind, server, name, definition),
      ...NO_CALL,
    };
  }

  #tool(kind: Kind, server: string, name: string, definition: JsonObject | undefined): ConditionTool {
    const annotations = definition?.annotations;
    const known = typeof annotations === "object" && annotations !== null ? (annotations as JsonObject) : {};
    return new ConditionTool(this.#namespaceSlug, kind, server, name, known);
  }
}
