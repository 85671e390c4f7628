import { governsCalls, type Policies, type Policy, type PolicyAction } from "../../model/policy.ts";
import { type Condition, type ConditionSubject, compileCondition, isFault } from "./condition.ts";
import { type Kind, type Pattern, parsePattern, withinNamespace } from "./pattern.ts";

/** A policy of one namespace, ready to be asked. */
export interface CompiledPolicy {
  readonly policy: Policy;
  /** Its place in explanations: by priority, then by name. */
  readonly order: number;
  readonly condition: Condition | undefined;
  readonly patterns: readonly Pattern[];
}

export const ACTION_OF: Readonly<Record<Kind, PolicyAction>> = {
  tool: "call",
  extension: "call",
  prompt: "get",
  resource: "read",
};

/**
 * The policies of one namespace by whom and what they name, so that a decision looks at those that may apply and not at
 * all of them. Only rules for all servers at once are walked one by one.
 */
export class PolicyIndex {
  readonly readsPrincipal: boolean;
  readonly #bySubject = new Map<string, ResourceIndex>();

  constructor({ all }: Policies, namespaceSlug: string) {
    const ordered = all
      .filter(governsCalls)
      .filter((policy) => policy.namespaceSlug === undefined || policy.namespaceSlug === namespaceSlug)
      .sort(byPriority);
    let readsPrincipal = false;
    for (const [order, policy] of ordered.entries()) {
      const patterns = policy.resources.flatMap((resource) => {
        const plain = withinNamespace(resource, namespaceSlug);
        return plain === undefined ? [] : parsePattern(plain);
      });
      const condition = policy.condition === undefined ? undefined : conditionOf(policy.condition);
      if (condition?.readsPrincipal) readsPrincipal = true;
      const compiled: CompiledPolicy = { policy, order, condition, patterns };
      for (const subject of new Set(policy.subjects)) {
        let index = this.#bySubject.get(subject);
        if (index === undefined) this.#bySubject.set(subject, (index = new ResourceIndex()));
        index.add(compiled);
      }
    }
    this.readsPrincipal = readsPrincipal;
  }

  /** Of somebody's subjects those that any policy names. */
  named(subjects: readonly string[]): readonly string[] {
    return subjects.filter((subject) => this.#bySubject.has(subject));
  }

  /** What names one of the subjects and the target, in order. */
  find(subjects: readonly string[], kind: Kind, server: string, name: string): readonly CompiledPolicy[] {
    const found: CompiledPolicy[] = [];
    for (const subject of subjects) this.#bySubject.get(subject)?.collect(kind, server, name, found);
    return found.length > 1 ? inOrder(new Set(found)) : found;
  }

  /** What names one of the subjects and anything of the server, in order. */
  ofServer(subjects: readonly string[], server: string): readonly CompiledPolicy[] {
    const found = new Set<CompiledPolicy>();
    for (const subject of subjects) this.#bySubject.get(subject)?.ofServer(server, found);
    return inOrder(found);
  }
}

export function byPriority(a: Policy, b: Policy): number {
  return b.priority - a.priority || (a.name < b.name ? -1 : 1);
}

/** What was not checked when it was written, and is wrong, fails whenever it is asked. */
export function conditionOf(source: string, subject: ConditionSubject = "call"): Condition {
  const result = compileCondition(source, subject);
  if (!isFault(result)) return result;
  const holds = () => {
    throw new Error(result.message);
  };
  return {
    source,
    dependsOnCall: false,
    readsArguments: false,
    readsPrincipal: false,
    readsTool: false,
    readsTarget: false,
    holds,
  };
}

function inOrder(found: Set<CompiledPolicy>): readonly CompiledPolicy[] {
  return [...found].sort((a, b) => a.order - b.order);
}

interface Entry {
  readonly compiled: CompiledPolicy;
  readonly pattern: Pattern;
}

/** The policies of one subject by the server, and where it is one, by the name they speak of. */
class ResourceIndex {
  readonly #exact = new Map<string, CompiledPolicy[]>();
  readonly #byServer = new Map<string, Entry[]>();
  readonly #anyServer: Entry[] = [];
  /** Everything that names the server, for `ofServer`. */
  readonly #mentions = new Map<string, CompiledPolicy[]>();

  add(compiled: CompiledPolicy): void {
    for (const pattern of compiled.patterns) {
      const { server, kind, text } = pattern;
      if (server.includes("*")) {
        this.#anyServer.push({ compiled, pattern });
        continue;
      }
      append(this.#mentions, server, compiled);
      if (kind === "any" || text.includes("*")) append(this.#byServer, server, { compiled, pattern });
      else append(this.#exact, `${kind}\n${server}\n${text}`, compiled);
    }
  }

  collect(kind: Kind, server: string, name: string, found: CompiledPolicy[]): void {
    const exact = this.#exact.size > 0 ? this.#exact.get(`${kind}\n${server}\n${name}`) : undefined;
    if (exact !== undefined) found.push(...exact);
    for (const { compiled, pattern } of this.#byServer.get(server) ?? []) {
      if (names(compiled, pattern, kind, name)) found.push(compiled);
    }
    for (const { compiled, pattern } of this.#anyServer) {
      if (names(compiled, pattern, kind, name) && pattern.matchesServer(server)) found.push(compiled);
    }
  }

  ofServer(server: string, found: Set<CompiledPolicy>): void {
    for (const compiled of this.#mentions.get(server) ?? []) found.add(compiled);
    for (const { compiled, pattern } of this.#anyServer)
      if (pattern.matchesServer(server)) found.add(compiled);
  }
}

/** `server:*` opens no extension, as in permissions, and closes them too. */
function names({ policy }: CompiledPolicy, pattern: Pattern, kind: Kind, name: string): boolean {
  const isOfKind =
    pattern.kind === kind || (pattern.kind === "any" && (kind !== "extension" || policy.effect === "deny"));
  return isOfKind && pattern.name(name);
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}
