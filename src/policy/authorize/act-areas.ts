import { actsOfPattern, isActPattern } from "../../model/claim-mapping.ts";
import type { Principal } from "../../model/principal.ts";
import { isVerb, matchesVerb } from "./act-pattern.ts";

/**
 * What an organisation's administrators may do, by area: what patterns such as `admin:user_management` permit. Every act of
 * theirs is in exactly one of them; one that is in none is permitted by no scope. What platform administrators alone may is in
 * none.
 */
export const actAreas: Readonly<Record<string, readonly string[]>> = {
  claim_management: ["claim_mapping.delete", "claim_mapping.get", "claim_mapping.update"],
  key_management: ["api_key.create", "api_key.get", "api_key.jwks", "api_key.list", "api_key.revoke"],
  limit_management: [
    "rate_limit.create",
    "rate_limit.delete",
    "rate_limit.get",
    "rate_limit.list",
    "rate_limit.reset",
    "rate_limit.update",
    "rate_limit.usage",
  ],
  log_viewing: ["log.list", "log.read", "log.stats"],
  namespace_management: [
    "namespace.create",
    "namespace.delete",
    "namespace.get",
    "namespace.list",
    "namespace.update",
  ],
  organization_viewing: ["organization.get", "organization.list"],
  policy_management: [
    "policy.create",
    "policy.delete",
    "policy.explain",
    "policy.get",
    "policy.list",
    "policy.replay",
    "policy.test",
    "policy.update",
    "policy.who",
  ],
  server_management: [
    "server.create",
    "server.delete",
    "server.get",
    "server.list",
    "server.test",
    "server.update",
  ],
  session_management: ["session.end", "session.get", "session.list"],
  user_management: ["user.create", "user.delete", "user.get", "user.list", "user.update"],
};

const administered: ReadonlySet<string> = new Set(Object.values(actAreas).flat());

/** @param pattern one of acts: `admin:` and an area, an act as policies name it (`user.*`), or `*` */
export function namesAct(pattern: string, action: string): boolean {
  if (!isActPattern(pattern) || !administered.has(action)) return false;
  const named = actsOfPattern(pattern);
  if (named === "*") return true;
  if (Object.hasOwn(actAreas, named)) return actAreas[named]?.includes(action) === true;
  return isVerb(named) && matchesVerb(named, action);
}

/** The acts a pattern names. */
export function actsNamed(pattern: string): readonly string[] {
  return [...administered].filter((action) => namesAct(pattern, action));
}

/** The area whose acts somebody meant who wrote another name. */
export function areaMeant(named: string): string | undefined {
  const stem = named.toLowerCase().replace(/(_management|_viewing|s)$/, "");
  return stem === "" ? undefined : Object.keys(actAreas).find((area) => area.startsWith(`${stem}_`));
}

/** By role, or by scopes that permit every act: within its organisation nothing is beyond such a caller's own rights. */
export function administersAll({ role, platformAdmin, isNarrowed, acts = [] }: Principal): boolean {
  return (
    platformAdmin ||
    (role === "admin" && isNarrowed !== true) ||
    acts.some((one) => one === "admin:*" || one === "admin:*.*")
  );
}
