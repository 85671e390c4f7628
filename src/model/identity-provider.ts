import type { Role } from "./principal.ts";

/** An identity provider whose tokens the gateway takes, complete with the defaults of its preset. */
export interface IdentityProvider {
  /** Part of its sign-in URL, `/auth/oidc/{name}/start`. */
  readonly name: string;
  readonly preset: "okta" | "entra" | "auth0" | "keycloak" | "google" | "oidc";
  /** As its tokens say it, to the character. Users are known by it, whichever spelling their token has. */
  readonly issuer: string;
  /** Further spellings of the same issuer, whose tokens are signed with the same keys. */
  readonly otherIssuers: readonly string[];
  /** Where its keys are, if not where its discovery document says. */
  readonly jwksUri: string | undefined;
  /** One of them has to be in a token; never empty. */
  readonly audiences: readonly string[];
  /** URLs below the first audience count as it: the gateway's own endpoints (RFC 8707), where nothing else was set. */
  readonly ownAudience: boolean;
  /** Signature algorithms taken: asymmetric ones alone. */
  readonly algorithms: readonly string[];
  /** Claims whose values are groups, where a claim mapping names none. */
  readonly groupClaims: readonly string[];
  /** Claims that list scopes. */
  readonly scopeClaims: readonly string[];
  /** Claims a token has to have, each with one of these values. */
  readonly requiredClaims: Readonly<Record<string, readonly string[]>>;
  /** An access token has one of these, an ID token none; empty where its product tells them apart otherwise. */
  readonly accessTokenClaims: readonly string[];
  /** It issues no access tokens for others: its ID tokens are taken in their stead. */
  readonly takesIdTokens: boolean;
  readonly tenancy: ProviderTenancy;
  /** Users are created at their first use. */
  readonly jit: boolean;
  /** What a user created so may. */
  readonly role: Role;
  readonly permissions: readonly string[];
  /** For sign-in of people; without a client id the provider only issues tokens. */
  readonly client: ProviderClient | undefined;
}

/** Which organisation a provider's users belong to: slugs. */
export type ProviderTenancy =
  | { readonly organization: string }
  | { readonly claim: string; readonly allowed: readonly string[] };

export interface ProviderClient {
  readonly id: string;
  readonly secret: string | undefined;
  /** PEM or JWK, for `private_key_jwt`. */
  readonly privateKey: string | undefined;
  readonly privateKeyId: string | undefined;
}
