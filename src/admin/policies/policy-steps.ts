import type { Principal } from "../../model/principal.ts";
import { compilePermissions } from "../../policy/authorize/permissions.ts";
import type { ScopeRules } from "../../policy/authorize/scope-rules.ts";
import { grants, type Trial, type TriedCall } from "./policy-trial.ts";
import type { Serving } from "./route-trial.ts";

/** `not_asked`: an earlier step had refused already, or it does not concern the caller. */
export type StepOutcome = "passes" | "refuses" | "not_asked";
export interface DecisionStep {
  readonly step: "namespace" | "role" | "permissions" | "scopes" | "policies" | "route";
  readonly outcome: StepOutcome;
  /** In words. */
  readonly detail: string;
}

/** How a decision came about, in the order in which the gateway decides; the first step that refuses is the reason. */
export function stepsOf(
  principal: Principal,
  call: TriedCall,
  trial: Trial,
  served: Serving,
  scopes: ScopeRules | undefined,
): readonly DecisionStep[] {
  const steps = [
    namespaceStep(principal, call),
    ...grantSteps(principal, call, scopes),
    policyStep(trial),
    routeStep(call, served),
  ];
  const refusing = steps.findIndex(({ outcome }) => outcome === "refuses");
  return steps.map((step, at) =>
    refusing >= 0 && at > refusing ? { ...step, outcome: "not_asked", detail: "refused before" } : step,
  );
}

function namespaceStep({ namespaceBound, namespaceId }: Principal, call: TriedCall): DecisionStep {
  const step = "namespace";
  if (!namespaceBound) return { step, outcome: "passes", detail: "the credential is bound to no namespace" };
  return namespaceId === call.namespaceId
    ? { step, outcome: "passes", detail: `the credential is bound to the namespace ${call.namespaceSlug}` }
    : { step, outcome: "refuses", detail: "the credential is bound to another namespace" };
}

function grantSteps(
  principal: Principal,
  call: TriedCall,
  scopes: ScopeRules | undefined,
): readonly DecisionStep[] {
  const { role, platformAdmin } = principal;
  if (platformAdmin || role === "admin") {
    const who = platformAdmin ? "a platform administrator" : "the role admin";
    const rest = { outcome: "not_asked", detail: `${who} needs none` } as const;
    return [
      { step: "role", outcome: "passes", detail: `${who} reaches everything of its organisation` },
      { step: "permissions", ...rest },
      { step: "scopes", ...rest },
    ];
  }
  const mayUse = call.kind !== "tool" || role !== "viewer";
  const roleDetail = mayUse
    ? `the role ${role} may use what its permissions name`
    : "the role viewer calls no tool";
  return [
    { step: "role", outcome: mayUse ? "passes" : "refuses", detail: roleDetail },
    ...(principal.scopes === undefined || scopes === undefined
      ? [
          permissionStep(principal, call),
          { step: "scopes", outcome: "not_asked", detail: "scopes do not govern this caller" } as const,
        ]
      : scopeSteps(principal, principal.scopes, call, scopes)),
  ];
}

function permissionStep(principal: Principal, call: TriedCall): DecisionStep {
  const pattern = grantingPattern(principal, call);
  return pattern === undefined
    ? { step: "permissions", outcome: "refuses", detail: `no permission names ${nameOf(call)}` }
    : { step: "permissions", outcome: "passes", detail: `granted by ${pattern}` };
}

function scopeSteps(
  principal: Principal,
  held: readonly string[],
  call: TriedCall,
  scopes: ScopeRules,
): readonly DecisionStep[] {
  const pattern = grantingPattern(principal, call);
  if (pattern !== undefined) {
    return [
      { step: "permissions", outcome: "passes", detail: `granted by ${pattern}` },
      { step: "scopes", outcome: "passes", detail: "those held are enough" },
    ];
  }
  const isOpened = grants(scopes.opened(NOTHING, held, call.namespaceSlug), call);
  const needed = scopes.missing(held, call.namespaceSlug, call.kind, call.server, call.name);
  const detail = isOpened
    ? "the default scope is held, and no pattern names it"
    : needed.length > 0
      ? `it takes ${needed.join(" ")}`
      : `no pattern names ${nameOf(call)}, and no scope would help`;
  return [
    { step: "permissions", outcome: "not_asked", detail: "scopes say what the caller is permitted" },
    { step: "scopes", outcome: isOpened ? "passes" : "refuses", detail },
  ];
}

/** The first of the caller's patterns that grants the call by itself. */
function grantingPattern(principal: Principal, call: TriedCall): string | undefined {
  return principal.permissions.find((pattern) =>
    grants(compilePermissions({ ...principal, permissions: [pattern] }, call.namespaceSlug), call),
  );
}

const nameOf = ({ server, kind, name }: TriedCall): string =>
  kind === "tool" ? `${server}:${name}` : `${server}:${kind}:${name}`;

const NOTHING = compilePermissions(
  { role: "user", platformAdmin: false, permissions: [], permissionKey: "" },
  "default",
);

/** What policies said, where they were asked. */
export function policyStep({ verdict, decidedBy, chain }: Trial): DecisionStep {
  const step = "policies";
  const outcome = verdict === "allow" ? "passes" : "refuses";
  if (decidedBy !== undefined) return { step, outcome, detail: `decided by ${decidedBy.name}` };
  const detail =
    chain.length === 0 ? "none names it: the default decides" : "none applies: the default decides";
  return { step, outcome, detail };
}

/** Last: permission is asked of the server that is called, whoever serves it. */
function routeStep({ server }: TriedCall, { servedBy, routedBy, chain }: Serving): DecisionStep {
  const step = "route";
  if (routedBy === undefined) return { step, outcome: "passes", detail: `no route: ${server} serves it` };
  if (servedBy !== null)
    return { step, outcome: "passes", detail: `routed by ${routedBy.name}: ${servedBy} serves it` };
  const hasFailed = chain.some(({ policy, answer }) => policy === routedBy && answer === "failed");
  const detail = hasFailed
    ? `the condition of ${routedBy.name} cannot be answered, so nobody serves it`
    : `routed by ${routedBy.name} to ${routedBy.route?.server}, which is not there, so nobody serves it`;
  return { step, outcome: "refuses", detail };
}
