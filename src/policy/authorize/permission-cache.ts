import type { Principal } from "../../model/principal.ts";
import { compilePermissions, type Permissions } from "./permissions.ts";

const ENTRIES_MAX = 10_000;

/** Compiled permissions by what determines them; principals that may do the same share one entry. */
export class PermissionCache {
  readonly #entries = new Map<string, Map<string, Permissions>>();

  of(principal: Principal, namespaceSlug: string): Permissions {
    let byNamespace = this.#entries.get(principal.permissionKey);
    if (byNamespace === undefined) {
      if (this.#entries.size >= ENTRIES_MAX) this.#entries.clear();
      byNamespace = new Map();
      this.#entries.set(principal.permissionKey, byNamespace);
    }
    let permissions = byNamespace.get(namespaceSlug);
    if (permissions === undefined) {
      permissions = compilePermissions(principal, namespaceSlug);
      byNamespace.set(namespaceSlug, permissions);
    }
    return permissions;
  }
}
