import { DEFAULT_ORGANIZATION_ID, DEFAULT_SLUG, namespaceIdOf } from "../config/identity.ts";
import type { Settings } from "../config/settings.ts";
import type { Authenticator } from "../model/ports/authenticator.ts";
import type { Principal } from "../model/principal.ts";

/** Anonymous mode, already checked by the configuration's rules: loopback bind, no trusted proxies. */
export function anonymousPrincipal(settings: Settings): Principal | undefined {
  const { anonymous } = settings.auth;
  if (anonymous === undefined) return undefined;
  return {
    id: "anonymous",
    kind: "anonymous",
    name: "anonymous",
    organizationId: DEFAULT_ORGANIZATION_ID,
    namespaceId: namespaceIdOf(DEFAULT_SLUG, anonymous.namespace),
    namespaceBound: false,
    role: anonymous.role,
    platformAdmin: false,
    permissions: ["*:*"],
    permissionKey: `anonymous|${anonymous.role}`,
  };
}

/** Who sees metrics and readiness details; belongs to no organisation and reaches no server. */
export const OPERATOR: Principal = {
  id: "operator",
  kind: "system",
  name: "operator",
  organizationId: "",
  namespaceId: "",
  namespaceBound: true,
  role: "viewer",
  platformAdmin: true,
  permissions: [],
  permissionKey: "operator",
};

/** The operator token makes its bearer the operator. */
export function withOperatorToken(apiKeys: Authenticator, token: string | undefined): Authenticator {
  if (token === undefined) return apiKeys;
  const expected = Bun.SHA256.hash(token, "hex");
  return {
    // Comparing digests tells nothing of the token by its time.
    authenticate: (credential, note) =>
      Bun.SHA256.hash(credential, "hex") === expected ? OPERATOR : apiKeys.authenticate(credential, note),
  };
}
