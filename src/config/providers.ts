import type { IdentityProvider } from "../model/identity-provider.ts";
import { presetOf, providerPresets } from "./provider-presets.ts";
import type { FileSettings } from "./schema.ts";

type OauthFile = FileSettings["oauth"];
type Common = Omit<OauthFile["providers"][number], "name" | "preset" | "issuer">;

/** The providers of both spellings. @param gatewayUrl audience by default: a token has to be meant for this gateway */
export function providersOf(oauth: OauthFile, gatewayUrl: string): readonly IdentityProvider[] {
  if (!oauth.enabled) return [];
  const preset = oauth.provider ?? "oidc";
  const { issuer: known } = providerPresets[preset];
  const isKnown = known !== undefined && oauth.provider !== undefined;
  const issuers = isKnown && oauth.authorization_servers.length === 0 ? [known] : oauth.authorization_servers;
  return [
    ...issuers.map((issuer, index) =>
      provider(index === 0 ? preset : `${preset}-${index + 1}`, preset, issuer, oauth, gatewayUrl),
    ),
    ...oauth.providers.map((entry) => provider(entry.name, entry.preset, entry.issuer, entry, gatewayUrl)),
  ];
}

function provider(
  name: string,
  preset: IdentityProvider["preset"],
  issuer: string,
  entry: Common,
  gatewayUrl: string,
): IdentityProvider {
  const audiences = entry.audiences ?? [];
  return {
    name,
    preset,
    ...presetOf(preset, issuer, entry.client_id),
    jwksUri: entry.jwks_uri,
    audiences: audiences.length === 0 ? [gatewayUrl] : audiences,
    ownAudience: audiences.length === 0,
    algorithms: entry.algorithms,
    tenancy:
      entry.organization_claim === undefined
        ? { organization: entry.organization ?? "default" }
        : { claim: entry.organization_claim, allowed: entry.organizations },
    requiredClaims: entry.required_claims,
    jit: entry.jit,
    role: entry.role,
    permissions: entry.permissions,
    client:
      entry.client_id === undefined
        ? undefined
        : {
            id: entry.client_id,
            secret: entry.client_secret,
            privateKey: entry.private_key,
            privateKeyId: entry.private_key_id,
          },
  };
}
