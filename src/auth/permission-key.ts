import type { Role } from "../model/principal.ts";

export interface Rights {
  readonly role: Role;
  readonly platformAdmin: boolean;
  readonly permissions: readonly string[];
  readonly isNarrowed?: boolean | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  /** The patterns of scopes, where everything that none of them names is open. */
  readonly named?: readonly string[] | undefined;
}

/** Equal for those who may see and do the same; an order or a repetition makes no difference. */
export function permissionKeyOf(given: Rights): string {
  const { role, platformAdmin, permissions, isNarrowed, scopes, groups, named } = given;
  const sorted = (values: readonly string[]) => [...new Set(values)].sort();
  const rights: unknown[] = [role, platformAdmin, sorted(permissions)];
  if (scopes !== undefined || groups !== undefined) rights.push(sorted(scopes ?? []), sorted(groups ?? []));
  if (named !== undefined) rights.push(sorted(named));
  if (isNarrowed === true) rights.push("narrowed");
  return Bun.SHA256.hash(JSON.stringify(rights), "base64").slice(0, 22);
}
