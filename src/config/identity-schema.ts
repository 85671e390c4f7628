import type { IdentityProvider } from "../model/identity-provider.ts";
import type { Role } from "../model/principal.ts";
import { field, type Kind, list, optionalField, Refusal, requiredField, section } from "./field.ts";
import { boolean, filledText, listOf, oneOf, slug, text, textList, url } from "./kinds.ts";

const restart = { restart: true } as const;
const preset = oneOf<IdentityProvider["preset"]>("okta", "entra", "auth0", "keycloak", "google", "oidc");
const asymmetric = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

const algorithm = {
  name: "asymmetric JWS algorithm",
  read: (value: unknown) =>
    typeof value === "string" && asymmetric.includes(value)
      ? value
      : new Refusal(
          `one of ${asymmetric.join(", ")}`,
          "a provider's tokens are never signed with a shared secret",
        ),
};

function mapOfLists(item: Kind<string>, what: string): Kind<Readonly<Record<string, readonly string[]>>> {
  const list = listOf(item, `list of ${what}`);
  return {
    name: `map of ${what}`,
    read(value) {
      if (typeof value !== "object" || value === null || Array.isArray(value))
        return new Refusal(`a map of names to lists of ${what}`);
      const read: Record<string, readonly string[]> = {};
      for (const [key, member] of Object.entries(value)) {
        const values = list.read(member);
        if (values instanceof Refusal) return new Refusal(`a list of ${what}`, 'write it as ["…"]', key);
        read[key] = values;
      }
      return read;
    },
  };
}
const scopeMap = mapOfLists(text, "scopes");
const claimMap = mapOfLists(filledText, "values");

/** What a provider needs in either spelling. */
const members = {
  audiences: optionalField(listOf(filledText), "Audiences taken, one of which a token has to name.", {
    restart: true,
    defaultText: "the gateway's own URLs: `server.url` and that of each endpoint",
  }),
  jwks_uri: optionalField(
    url("https:", "http:"),
    "Where its keys are, if not where its discovery says.",
    restart,
  ),
  algorithms: field(
    listOf(algorithm),
    ["RS256", "ES256", "PS256", "EdDSA"],
    "Signature algorithms taken.",
    restart,
  ),
  organization: optionalField(slug, "The organisation all its users belong to.", {
    restart: true,
    defaultText: "default, without `organization_claim`",
  }),
  organization_claim: optionalField(filledText, "The claim that names a user's organisation.", restart),
  organizations: field(listOf(slug), [], "Organisations such a claim may name; another is refused.", restart),
  required_claims: field(
    claimMap,
    {},
    "Claims a token has to have, each with one of its values: `hd: [example.com]`.",
    restart,
  ),
  jit: field(boolean, false, "Create a user at the first use of a token.", restart),
  role: field(
    oneOf<Role>("admin", "user", "viewer", "api_user"),
    "user",
    "The role of a user created so.",
    restart,
  ),
  permissions: field(textList, [], "Patterns such a user has besides those its scopes grant.", restart),
  client_id: optionalField(
    filledText,
    "The gateway's client id there; switches sign-in of people on.",
    restart,
  ),
  client_secret: optionalField(filledText, "The client's secret.", { secret: true, restart: true }),
  private_key: optionalField(filledText, "The client's private key (PEM or JWK), instead of a secret.", {
    secret: true,
    restart: true,
  }),
  private_key_id: optionalField(filledText, "That key's id.", restart),
};

export const oauthSchema = section("Identity providers whose access tokens are taken.", {
  enabled: field(boolean, false, "Take tokens of identity providers.", restart),
  provider: optionalField(preset, "The kind of a single provider; several go into `providers`.", restart),
  authorization_servers: field(
    listOf(url("https:", "http:")),
    [],
    "Issuers of the single provider's tokens, as they spell themselves.",
    restart,
  ),
  ...members,
  providers: list(
    "Several providers.",
    section("A provider.", {
      name: requiredField(slug, "Part of its sign-in URL, `/auth/oidc/{name}/start`."),
      preset: field(preset, "oidc", "The kind of product.", restart),
      issuer: requiredField(
        url("https:", "http:"),
        "The issuer of its tokens, as it spells itself.",
        restart,
      ),
      ...members,
    }),
  ),
});

/** Members of `auth` that say what a provider's claims are worth. Where none of them is there, the API may. */
export const claimMembers = {
  claims: optionalField(listOf(filledText), "Claims whose values are groups of a user.", {
    defaultText: "those its provider's product is known for; `groups`",
  }),
  mappings: optionalField(scopeMap, "`claim:value` to the scopes it stands for.", { defaultText: "`{}`" }),
  permissions: optionalField(
    scopeMap,
    "Patterns `server:tool`, or `admin:user_management` for acts of administration, to the scopes that permit them.",
    {
      defaultText: "`{}`",
    },
  ),
  options: section("How scopes are read.", {
    scope_mode: optionalField(
      oneOf<"any" | "all">("any", "all"),
      "Whether one of a pattern's scopes is enough.",
      { defaultText: "`any`" },
    ),
    default_scope: optionalField(
      filledText,
      "The scope that permits what no pattern names; without one that is denied.",
    ),
  }),
};
