import { governsCalls, type Policies } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import { compilePermissions, type Permissions } from "./permissions.ts";
import { NamespacePolicies } from "./policed-permissions.ts";
import type { ScopeRules } from "./scope-rules.ts";

const ENTRIES_MAX = 10_000;

/** Policies of an organisation, compiled for each of its namespaces that is asked for. */
interface CompiledPolicies {
  readonly policies: Policies;
  readonly generation: number;
  /** Some of them are about calls. */
  readonly narrows: boolean;
  readonly byNamespace: Map<string, NamespacePolicies>;
  /** A principal lives as long as its credential's verdict, so what it may do is found once for many calls. */
  readonly byPrincipal: WeakMap<Principal, Map<string, Permissions>>;
}

interface LastAsked {
  readonly principal: Principal;
  readonly namespaceSlug: string;
  readonly policies: Policies | undefined;
  readonly permissions: Permissions;
}

/** Compiled permissions by what determines them; principals that may do the same share one entry. */
export class PermissionCache {
  readonly #policiesOf: (organizationId: string) => Policies | undefined;
  readonly #entries = new Map<string, Map<string, Permissions>>();
  readonly #compiled = new Map<string, CompiledPolicies>();
  #generation = 0;
  /** What was asked for last: the layers of one call ask one after the other. */
  #last: LastAsked | undefined;

  /** What scopes open in an organisation now, for callers whom scopes govern. */
  readonly scopesOf: (organizationId: string) => ScopeRules | undefined;

  /** @param policiesOf those in force now; another object where they changed */
  constructor(
    policiesOf: (organizationId: string) => Policies | undefined = () => undefined,
    scopesOf: (organizationId: string) => ScopeRules | undefined = () => undefined,
  ) {
    this.#policiesOf = policiesOf;
    this.scopesOf = scopesOf;
  }

  of(principal: Principal, namespaceSlug: string): Permissions {
    const policies = this.#policiesOf(principal.organizationId);
    const last = this.#last;
    if (last?.principal === principal && last.policies === policies && last.namespaceSlug === namespaceSlug) {
      return last.permissions;
    }
    const permissions = this.#find(principal, namespaceSlug, policies);
    this.#last = { principal, namespaceSlug, policies, permissions };
    return permissions;
  }

  #find(principal: Principal, namespaceSlug: string, policies: Policies | undefined): Permissions {
    if (policies === undefined || policies.all.length === 0) return this.#granted(principal, namespaceSlug);
    const compiled = this.#compile(principal.organizationId, policies);
    if (!compiled.narrows) return this.#granted(principal, namespaceSlug);
    let byNamespace = compiled.byPrincipal.get(principal);
    if (byNamespace === undefined) compiled.byPrincipal.set(principal, (byNamespace = new Map()));
    let permissions = byNamespace.get(namespaceSlug);
    if (permissions === undefined) {
      permissions = policiesFor(compiled, namespaceSlug).narrow(
        this.#granted(principal, namespaceSlug),
        principal,
      );
      byNamespace.set(namespaceSlug, permissions);
    }
    return permissions;
  }

  /** Equal for principals that may see and do the same in every namespace they share. */
  keyOf(principal: Principal): string {
    return this.of(principal, "").key;
  }

  /** The policies of one namespace, for explanations. */
  policies(organizationId: string, namespaceSlug: string): NamespacePolicies | undefined {
    const policies = this.#policiesOf(organizationId);
    return policies && policiesFor(this.#compile(organizationId, policies), namespaceSlug);
  }

  #compile(organizationId: string, policies: Policies): CompiledPolicies {
    const known = this.#compiled.get(organizationId);
    if (known?.policies === policies) return known;
    const compiled: CompiledPolicies = {
      policies,
      generation: ++this.#generation,
      narrows: policies.all.some(governsCalls),
      byNamespace: new Map(),
      byPrincipal: new WeakMap(),
    };
    if (this.#compiled.size >= ENTRIES_MAX) this.#compiled.clear();
    this.#compiled.set(organizationId, compiled);
    return compiled;
  }

  #granted(principal: Principal, namespaceSlug: string): Permissions {
    let byNamespace = this.#entries.get(principal.permissionKey);
    if (byNamespace === undefined) {
      if (this.#entries.size >= ENTRIES_MAX) this.#entries.clear();
      byNamespace = new Map();
      this.#entries.set(principal.permissionKey, byNamespace);
    }
    let permissions = byNamespace.get(namespaceSlug);
    if (permissions === undefined) {
      permissions = grantedPermissions(principal, namespaceSlug, this.scopesOf(principal.organizationId));
      byNamespace.set(namespaceSlug, permissions);
    }
    return permissions;
  }
}

/** What role, permissions and scopes grant, before any policy is asked. */
export function grantedPermissions(
  principal: Principal,
  namespaceSlug: string,
  scopes: ScopeRules | undefined,
): Permissions {
  const permissions = compilePermissions(principal, namespaceSlug);
  if (principal.scopes === undefined || scopes === undefined) return permissions;
  return scopes.opened(permissions, principal.scopes, namespaceSlug);
}

function policiesFor(
  { policies, generation, byNamespace }: CompiledPolicies,
  namespaceSlug: string,
): NamespacePolicies {
  let compiled = byNamespace.get(namespaceSlug);
  if (compiled === undefined) {
    compiled = new NamespacePolicies(policies, namespaceSlug, generation);
    byNamespace.set(namespaceSlug, compiled);
  }
  return compiled;
}
