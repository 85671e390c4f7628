import { OAuth2Server } from "oauth2-mock-server";
import { actAreas } from "../../src/policy/authorize/act-areas.ts";
import { type Answer, request } from "./administration.ts";
import { freePort } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";

export const MAPPING = "/api/admin/claim-mapping";
export const USERS = "/api/admin/users";

/** Patterns of acts, each with a scope of its own. */
export const actPatterns = [
  ...Object.keys(actAreas).map((area) => `admin:${area}`),
  ...["admin:user.*", "admin:server.create", "admin:*.delete", "admin:*"],
];
/** No scope has a star in it here, so that none is taken for a pattern. */
export const scopeOf = (pattern: string) => pattern.replaceAll("*", "all");
/** Of the organisation `there`. */
export const mapping = {
  permissions: {
    ...Object.fromEntries(actPatterns.map((pattern) => [pattern, [scopeOf(pattern)]])),
    "filed:*": ["filed"],
    "*:*": ["everywhere"],
  },
};

/** The status of each, or the code of its refusal. */
export const ends = async (...all: Promise<Answer>[]) =>
  (await Promise.all(all)).map(({ status, json }) => (status < 400 ? status : json.code));

/** A gateway with two tenants, whose people come from a provider of users or from one of viewers. */
export class ScopedWorld {
  readonly gateway: Gateway;
  readonly operator: string;
  /** The administrator of `there`. */
  readonly theirs: string;
  readonly #providers: Readonly<Record<"user" | "viewer", OAuth2Server>>;

  constructor(
    parts: Pick<ScopedWorld, "gateway" | "operator" | "theirs">,
    providers: Readonly<Record<"user" | "viewer", OAuth2Server>>,
  ) {
    this.gateway = parts.gateway;
    this.operator = parts.operator;
    this.theirs = parts.theirs;
    this.#providers = providers;
  }

  call(method: string, path: string, key?: string, body?: unknown): Promise<Answer> {
    return request(this.gateway.origin, method, path, key, body);
  }

  token(claims: Record<string, unknown>, role: "user" | "viewer" = "user"): Promise<string> {
    return this.#providers[role].issuer.buildToken({
      scopesOrTransform: (_header, payload) => {
        const sub = `${claims.org ?? "default"}-${JSON.stringify([claims.groups, claims.scope])}`;
        Object.assign(payload, { sub, aud: this.gateway.origin, org: "default", scope: "", ...claims });
      },
    });
  }

  /** A token of `there` with these scopes. */
  holding(scope: string, role: "user" | "viewer" = "user"): Promise<string> {
    return this.token({ org: "there", scope }, role);
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    await Promise.all(Object.values(this.#providers).map((provider) => provider.stop()));
  }
}

export async function startScopedWorld(): Promise<ScopedWorld> {
  const providers = { user: new OAuth2Server(), viewer: new OAuth2Server() };
  for (const provider of Object.values(providers)) {
    await provider.issuer.keys.generate("RS256");
    await provider.start(await freePort(), "127.0.0.1");
  }
  const gateway = await startGateway({
    servers: [],
    anonymous: false,
    settings: {
      oauth: {
        enabled: true,
        providers: Object.entries(providers).map(([role, { issuer }]) => ({
          ...{ name: `${role}s`, issuer: issuer.url, role, jit: true, permissions: ["own:*"] },
          ...{ organization_claim: "org", organizations: ["default", "there"] },
        })),
      },
      auth: {
        claims: ["groups", "roles"],
        mappings: { "groups:Admin": ["scope:admin"], "groups:User": ["scope:user"] },
        permissions: { "n8n:*": ["scope:user"], "admin:user_management": ["scope:admin"] },
        options: { scope_mode: "any", default_scope: null },
      },
    },
  });
  const operator = await bootstrapKey(gateway);
  await request(gateway.origin, "POST", "/api/admin/organizations", operator, {
    ...{ slug: "there", name: "There" },
  });
  const theirs = await gateway.mintKey(
    ...["--name", "a", "--role", "admin", "--organization", "there", "--permission", "*:*"],
  );
  const put = await request(gateway.origin, "PUT", MAPPING, theirs, mapping);
  if (put.status !== 200) throw new Error(`the mapping is refused: ${put.text}`);
  return new ScopedWorld({ gateway, operator, theirs }, providers);
}
