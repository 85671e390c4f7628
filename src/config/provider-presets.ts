import type { IdentityProvider } from "../model/identity-provider.ts";

/** What a product's tokens look like where nothing else is set. */
interface ProviderPreset {
  /** The issuer, where there is only one in the world. */
  readonly issuer?: string;
  /** The issuer as its tokens spell it, of what people write. */
  readonly spelled?: (issuer: string) => string;
  /** Further spellings of it in tokens. */
  readonly otherIssuers?: (issuer: string) => readonly string[];
  /** @param clientId the gateway's own there */
  readonly groupClaims: (clientId: string | undefined) => readonly string[];
  readonly scopeClaims?: readonly string[];
  readonly accessTokenClaims?: readonly string[];
  readonly takesIdTokens?: boolean;
  /** An issuer whose tokens could never be taken. */
  readonly fault?: (issuer: URL, signsIn: boolean) => PresetFault | undefined;
}
export interface PresetFault {
  readonly expected: string;
  readonly fix: string;
}

/** RFC 6749 writes `scope` as text; Okta and Entra ID write `scp`, the one as a list, the other as text. */
const SCOPES = ["scope", "scp"] as const;
const TENANT = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}";
const ENTRA_HOST = /^login\.(microsoftonline\.(com|us)|partner\.microsoftonline\.cn)$/;
const ENTRA_V2 = new RegExp(`^https://login\\.microsoftonline\\.com/(${TENANT})/v2\\.0$`, "i");
const ENTRA_V1 = new RegExp(`^https://sts\\.windows\\.net/(${TENANT})/$`, "i");

export const providerPresets: Readonly<Record<IdentityProvider["preset"], ProviderPreset>> = {
  oidc: { groupClaims: () => ["groups"] },
  okta: {
    groupClaims: () => ["groups"],
    accessTokenClaims: ["cid"],
    // Tokens of the organisation's own server are for Okta's API alone; nobody else may check them.
    fault: ({ pathname, hostname }, signsIn) =>
      pathname === "/" && /\.okta(preview|-emea)?\.com$/.test(hostname) && !signsIn
        ? {
            expected: "the issuer of a custom authorization server, whose tokens others may take",
            fix: `write https://${hostname}/oauth2/default, or the server's own id in its place`,
          }
        : undefined,
  },
  entra: {
    // An application's registration decides which of the two its tokens have; the keys are the same.
    otherIssuers: (issuer) => {
      const v2 = ENTRA_V2.exec(issuer)?.[1];
      const v1 = ENTRA_V1.exec(issuer)?.[1];
      if (v2 !== undefined) return [`https://sts.windows.net/${v2}/`];
      return v1 === undefined ? [] : [`https://login.microsoftonline.com/${v1}/v2.0`];
    },
    groupClaims: () => ["roles", "groups"],
    accessTokenClaims: ["azp", "appid"],
    fault: ({ hostname, pathname }) => {
      if (!ENTRA_HOST.test(hostname)) return undefined;
      const [tenant = "", version, ...rest] = pathname.slice(1).replace(/\/$/, "").split("/");
      const isTenant = new RegExp(`^${TENANT}$`, "i").test(tenant);
      if (isTenant && version === "v2.0" && rest.length === 0 && !pathname.endsWith("/")) return undefined;
      return {
        expected: "the issuer of one tenant, by its id",
        fix: `write https://${hostname}/${isTenant ? tenant : "<tenant id>"}/v2.0`,
      };
    },
  },
  auth0: {
    // Its issuers always end with a slash, and people never write it.
    spelled: (issuer) => (new URL(issuer).pathname === "/" ? `${issuer.replace(/\/+$/, "")}/` : issuer),
    groupClaims: () => ["roles", "groups"],
    // What its role-based access control grants to the API.
    scopeClaims: [...SCOPES, "permissions"],
  },
  keycloak: {
    groupClaims: (clientId) => [
      "groups",
      "realm_access.roles",
      ...(clientId === undefined ? [] : [`resource_access.${clientId}.roles`]),
    ],
    fault: ({ pathname, origin }) =>
      /\/realms\/[^/]+$/.test(pathname)
        ? undefined
        : { expected: "the issuer of a realm", fix: `write ${origin}/realms/<realm>` },
  },
  google: {
    issuer: "https://accounts.google.com",
    otherIssuers: (issuer) => (issuer === "https://accounts.google.com" ? ["accounts.google.com"] : []),
    groupClaims: () => ["groups"],
    // Its access tokens are opaque and for Google alone.
    takesIdTokens: true,
  },
};

/** What a provider's product adds to what was written of it. */
export function presetOf(
  name: IdentityProvider["preset"],
  written: string,
  clientId: string | undefined,
): Pick<
  IdentityProvider,
  "issuer" | "otherIssuers" | "groupClaims" | "scopeClaims" | "accessTokenClaims" | "takesIdTokens"
> {
  const preset = providerPresets[name];
  const issuer = preset.spelled?.(written) ?? written;
  return {
    issuer,
    otherIssuers: preset.otherIssuers?.(issuer) ?? [],
    groupClaims: preset.groupClaims(clientId),
    scopeClaims: preset.scopeClaims ?? SCOPES,
    accessTokenClaims: preset.accessTokenClaims ?? [],
    takesIdTokens: preset.takesIdTokens ?? false,
  };
}
