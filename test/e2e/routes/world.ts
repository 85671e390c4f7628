import { Database } from "bun:sqlite";
import { join } from "node:path";
import { OAuth2Server } from "oauth2-mock-server";
import { adminRoutes } from "../../../src/admin/routes.ts";
import type { ErrorCode } from "../../../src/errors/catalogue.ts";
import { freePort } from "../child.ts";
import { bootstrapKey, type Gateway, startGateway } from "../gateway.ts";
import { fixtureEntry, startFixture, type Upstream } from "../upstreams.ts";
import { Document, type OpenApi, type Route } from "./document.ts";

export const ROLES = ["admin", "user", "viewer", "api_user"] as const;
export type Role = (typeof ROLES)[number];
/** Whoever is seen at this address has used up the gateway's limit. */
export const LIMITED_ADDRESS = "203.0.113.9";
export const OPERATOR_TOKEN = "an-operator-token-of-some-length";
export const BODY_BYTES_MAX = 65_536;

/** What JSON was read, of whatever shape: tests look into it. */
type Parsed = ReturnType<typeof JSON.parse>;

export interface Tenant {
  readonly slug: string;
  readonly keys: Readonly<Record<Role, string>>;
  /** Named in every request that is about an organisation. */
  readonly named?: string;
}
/** A request of an operation; what is not given is what its happy path takes. */
export interface Sent {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>> | string;
  readonly body?: unknown;
  /** `null` for none; that of the tenant's administrator where it is not given. */
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of another gateway than the first. */
  readonly origin?: string;
  readonly method?: string;
}
export interface Got {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Parsed;
  readonly code: ErrorCode | undefined;
}

/** Two tenants on a real gateway, a third that may have nothing, and a second gateway with everything switched off. */
export class World {
  readonly gateway: Gateway;
  readonly bare: Gateway;
  readonly upstream: Upstream;
  readonly provider: OAuth2Server;
  readonly operator: string;
  readonly here: Tenant;
  readonly there: Tenant;
  /** Of an organisation that may have no server, and of one whose calls are used up. */
  readonly full: Tenant;
  readonly document: Document;
  /** `operation status` and `operation code`, as they were seen. */
  readonly seen = new Set<string>();
  readonly #known = new Map<string, Promise<unknown>>();
  #count = 0;

  constructor(
    parts: Pick<World, "gateway" | "bare" | "upstream" | "provider" | "operator" | "document"> & {
      readonly tenants: readonly Tenant[];
    },
  ) {
    this.gateway = parts.gateway;
    this.bare = parts.bare;
    this.upstream = parts.upstream;
    this.provider = parts.provider;
    this.operator = parts.operator;
    this.document = parts.document;
    [this.here, this.there, this.full] = parts.tenants as [Tenant, Tenant, Tenant];
  }

  /** A name nobody has yet. */
  name(kind: string): string {
    this.#count++;
    return `${kind}-${this.#count}`;
  }

  /** What is made once, for whoever asks. */
  once<T>(what: string, make: () => Promise<T>): Promise<T> {
    const known = this.#known.get(what) ?? make();
    this.#known.set(what, known);
    return known as Promise<T>;
  }

  route(id: string): Route {
    const route = adminRoutes.find((one) => one.id === id);
    if (route === undefined) throw new Error(`there is no operation ${id}`);
    return route;
  }

  keyFor(route: Route, tenant: Tenant): string | null {
    if (route.access === "open") return null;
    return route.access === "operator" ? this.operator : tenant.keys.admin;
  }

  /** Sends it, fails unless the operation declares the answer, and keeps in mind what was seen. */
  async send(route: Route, tenant: Tenant, sent: Sent): Promise<Got> {
    const answer = await this.#fetch(route, tenant, sent);
    const text = await answer.text();
    const { code } = this.document.check(route, answer, text);
    this.seen.add(`${route.id} ${answer.status}`);
    if (code !== undefined) this.seen.add(`${route.id} ${code}`);
    const isJson = answer.headers.get("content-type")?.endsWith("json") === true;
    const json = isJson ? JSON.parse(text) : undefined;
    return { status: answer.status, headers: answer.headers, text, json, code };
  }

  /** Sends it and checks nothing: the method is none of the operation's. */
  async untested(route: Route, tenant: Tenant, sent: Sent): Promise<Response> {
    return this.#fetch(route, tenant, sent);
  }

  /** A step on the way to what is proven: it has to succeed. */
  async done(id: string, tenant: Tenant, sent: Sent = {}): Promise<Parsed> {
    const route = this.route(id);
    const got = await this.send(route, tenant, sent);
    if (got.status !== route.status) throw new Error(`${id} answered ${got.status}: ${got.text}`);
    return got.json;
  }

  #fetch(route: Route, tenant: Tenant, sent: Sent): Promise<Response> {
    const { params = {}, query = {}, body, key = this.keyFor(route, tenant) } = sent;
    const path = route.path.replaceAll(
      /\{(\w+)\}/g,
      (_, name: string) => params[name] ?? crypto.randomUUID(),
    );
    const named = route.scope === "organization" && tenant.named !== undefined ? tenant.named : undefined;
    const search =
      typeof query === "string"
        ? query
        : new URLSearchParams({ ...(named !== undefined && { organization: named }), ...query }).toString();
    const isRaw =
      typeof body === "string" || body instanceof URLSearchParams || body instanceof ReadableStream;
    return fetch(`${sent.origin ?? this.gateway.origin}${path}${search === "" ? "" : `?${search}`}`, {
      method: sent.method ?? route.method,
      redirect: "manual",
      headers: {
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...(body !== undefined &&
          !(body instanceof URLSearchParams) && { "content-type": "application/json" }),
        ...sent.headers,
      },
      ...(body !== undefined && { body: isRaw ? body : JSON.stringify(body) }),
    });
  }

  /** A token of somebody in the first organisation whose only rights these scopes are. */
  tokenOf(scope: string): Promise<string> {
    return this.provider.issuer.buildToken({
      scopesOrTransform: (_header, payload) =>
        void Object.assign(payload, { sub: scope, aud: this.gateway.origin, scope }),
    });
  }

  /** As if the process had died between a create and the answer to it. */
  loseAnswer(idempotencyKey: string): void {
    using store = new Database(join(this.gateway.folder, "data/gateway.db"));
    store.run("PRAGMA busy_timeout = 2000");
    store.run("UPDATE idempotency_keys SET answer = NULL WHERE name = ?", [idempotencyKey]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.gateway.stop(), this.bare.stop()]);
    await this.upstream.stop();
    await this.provider.stop();
  }
}

export async function startWorld(): Promise<World> {
  const provider = new OAuth2Server();
  await provider.issuer.keys.generate("RS256");
  await provider.start(await freePort(), "127.0.0.1");
  const upstream = await startFixture("both");
  const filed = fixtureEntry("filed", upstream, "streamable-http");
  const common = { failed_auth_per_minute: 1_000_000, body: `${BODY_BYTES_MAX / 1_024}KiB` };
  const [gateway, bare] = await Promise.all([
    startGateway({
      servers: [filed],
      anonymous: false,
      settings: {
        server: { trusted_proxies: ["127.0.0.0/8", "::1/128"] },
        limits: common,
        telemetry: { operator_token: OPERATOR_TOKEN },
        rate_limits: {
          rules: [{ name: "worn-out", match: { ip: [`${LIMITED_ADDRESS}/32`] }, limit: 1, window: "1h" }],
        },
        policies: {
          default: "allow",
          rules: [{ name: "of-the-file", effect: "deny", subjects: ["user:nobody"] }],
        },
        auth: {
          permissions: {
            ...{ "none:*": ["scope:none"], "admin:user_management": ["users"] },
            ...{ "admin:key_management": ["keys"], "admin:claim_management": ["claims"] },
            ...{ "admin:policy_management": ["policies"] },
          },
        },
        oauth: {
          enabled: true,
          providers: [
            {
              ...{ name: "company", preset: "oidc", issuer: provider.issuer.url, jit: true },
              ...{ client_id: "gateway", client_secret: "a-secret-of-the-tests" },
            },
            {
              ...{ name: "away", preset: "oidc", issuer: "http://127.0.0.1:9" },
              ...{ client_id: "gateway", client_secret: "a-secret-of-the-tests" },
            },
          ],
        },
      },
    }),
    startGateway({ servers: [], anonymous: false, settings: { features: { documentation: false } } }),
  ]);
  const operator = await bootstrapKey(gateway);
  const openApi = (await (await fetch(`${gateway.origin}/openapi.json`)).json()) as OpenApi;
  const administer = async (path: string, key: string, body: object): Promise<Parsed> => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const answer = await fetch(gateway.origin + path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    if (answer.status !== 201) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  };
  const tenants: Tenant[] = [];
  for (const [slug, max] of [
    ["here", 1_000],
    ["there", 1_000],
    ["full", 0],
  ] as const) {
    const body = { slug, name: slug, max_servers: max };
    await administer("/api/admin/organizations", operator, body);
    const admin = await gateway.mintKey(
      ...["--name", "admin", "--role", "admin", "--organization", slug, "--permission", "*:*"],
    );
    const keys = { admin } as Record<Role, string>;
    for (const role of ROLES.slice(1)) {
      const made = await administer("/auth/api-keys", admin, { name: role, role, permissions: ["*:*"] });
      keys[role] = made.key;
    }
    tenants.push({ slug, keys });
  }
  return new World({
    ...{ gateway, bare, upstream, provider, operator, tenants },
    document: new Document(openApi),
  });
}
