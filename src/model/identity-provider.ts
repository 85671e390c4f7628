import type { Role } from "./principal.ts";

/** An identity provider whose tokens the gateway takes, complete with the defaults of its preset. */
export interface IdentityProvider {
  /** Part of its sign-in URL, `/auth/oidc/{name}/start`. */
  readonly name: string;
  readonly preset: "okta" | "entra" | "auth0" | "keycloak" | "google" | "oidc";
  /** As its tokens say it, to the character. */
  readonly issuer: string;
  /** Where its keys are, if not where its discovery document says. */
  readonly jwksUri: string | undefined;
  /** One of them has to be in a token; never empty. */
  readonly audiences: readonly string[];
  /** URLs below the first audience count as it: the gateway's own endpoints (RFC 8707), where nothing else was set. */
  readonly ownAudience: boolean;
  /** Signature algorithms taken: asymmetric ones alone. */
  readonly algorithms: readonly string[];
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

/** How a provider's claims become scopes. */
export interface ClaimMapping {
  /** Claims read; a dot goes into an object. */
  readonly claims: readonly string[];
  /** `claim:value` to the scopes it stands for. */
  readonly mappings: Readonly<Record<string, readonly string[]>>;
}
