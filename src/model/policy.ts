/**
 * A rule about who may do what. Policies narrow what roles and permissions grant and never widen it: a deny that applies
 * wins over every allow, and where an organisation has policies and none applies, the configured default decides.
 */
export interface PolicyRule {
  readonly effect: PolicyEffect;
  /** `*`, `user:<id>`, `key:<id>`, `client:<id>`, `role:<role>`, `group:<name>`. */
  readonly subjects: readonly string[];
  readonly actions: readonly PolicyAction[];
  /**
   * Patterns as in permissions: `server:tool`, `server:resource:<uri glob>`, `namespace/server:*`, `*`. Of acts of
   * administration their objects, by id or name: `server:github`, `namespace/server:prod-*`, `*`.
   */
  readonly resources: readonly string[];
  /**
   * CEL over `principal`, `tool`, `args`, `time` and `client_address`; about acts of administration over `principal`,
   * `target`, `time` and `client_address`; of a route over `principal`. Absent holds always.
   */
  readonly condition?: string | undefined;
  /** Of the effect `route` alone: who serves instead of the servers that `resources` name. */
  readonly route?: { readonly server: string } | undefined;
}

/** What a policy says of access; `route` says who serves, and has no part in whether somebody may. */
export type PolicyEffect = AccessEffect | "route";
export type AccessEffect = "allow" | "deny";
export type PolicyAction = CallAction | VerbPattern;
/** `call` a tool or extension, `read` a resource, `get` a prompt; a denied `list` hides from lists alone; `*` is all of them. */
export type CallAction = "*" | "call" | "read" | "get" | "list";
/** Acts of administration as the record names them, `server.create`; `*` stands for any noun or any verb. */
export type VerbPattern = `${string}.${string}`;

export function isVerbPattern(action: PolicyAction): action is VerbPattern {
  return action.includes(".");
}
/** A rule is about calls or about administration; one that was written as both counts as each. */
export function governsCalls({ actions }: Pick<PolicyRule, "actions">): boolean {
  return !actions.every(isVerbPattern);
}
export function governsActs({ actions }: Pick<PolicyRule, "actions">): boolean {
  return actions.some(isVerbPattern);
}

/** A policy in force in one organisation, of the file or of the store. */
export interface Policy extends PolicyRule {
  readonly id: string;
  /** Unique in its organisation; told to whom it denies by a condition. */
  readonly name: string;
  /** Where it belongs to one namespace. */
  readonly namespaceSlug: string | undefined;
  /** Highest first: of several routes the first decides; else it orders explanations and which denial is named. */
  readonly priority: number;
  readonly source: "file" | "store";
}

/** All policies of an organisation that allow or deny, and what happens to a call where none applies. */
export interface Policies {
  readonly all: readonly Policy[];
  readonly defaultEffect: AccessEffect;
}

/** A policy as a row: the object of the API. */
export interface PolicyRecord extends PolicyRule {
  readonly id: string;
  readonly organizationId: string;
  readonly namespaceId: string | null;
  readonly name: string;
  readonly description: string;
  readonly priority: number;
  readonly isActive: boolean;
  readonly createdBy: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}
