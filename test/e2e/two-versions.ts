import { expect } from "bun:test";
import { join } from "node:path";
import { type Answer, request } from "./administration.ts";
import { eventually } from "./child.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { headersOf, post } from "./heard.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
};

/** With nothing but a route, roles and permissions decide alone, whatever the default. */
const policies = {
  default: "deny",
  rules: [
    {
      ...{ name: "beta", effect: "route", subjects: ["role:api_user"] },
      ...{ resources: ["github:*"], route: { server: "github-v2" } },
    },
  ],
};

/** Callers by name: `stable` and `changing` are about no route of the file, `beta` and `other` are. */
const callers = {
  beta: { role: "api_user", permissions: ["github:*"] },
  stable: { role: "user", permissions: ["github:*"] },
  changing: { role: "user", permissions: ["github:*"] },
  other: { role: "api_user", permissions: ["github-v2:*"] },
};

/** A gateway before two versions of one server, `github` and `github-v2`, which say who they are, and a third for later. */
export class TwoVersions {
  readonly gateway: Gateway;
  readonly upstreams: readonly [Upstream, Upstream, Upstream];
  readonly keys: Map<string, { readonly id: string; readonly key: string }>;

  private constructor(
    gateway: Gateway,
    upstreams: readonly [Upstream, Upstream, Upstream],
    bootstrapKey: string,
  ) {
    this.gateway = gateway;
    this.upstreams = upstreams;
    this.keys = new Map([["admin", { id: "", key: bootstrapKey }]]);
  }

  static async start(): Promise<TwoVersions> {
    const program = join(import.meta.dir, "../../bin/mcp-gateway");
    const bootstrapKey = Bun.spawnSync([program, "keys", "generate"]).stdout.toString().trim();
    const [v1, v2, v3] = await Promise.all([
      startFixture("legacy", "http", "v1"),
      startFixture("both", "http", "v2"),
      startFixture("both", "http", "v3"),
    ]);
    const gateway = await startGateway({
      servers: [
        fixtureEntry("github", v1, "streamable-http"),
        fixtureEntry("github-v2", v2, "streamable-http"),
      ],
      anonymous: false,
      environment: { MCP_GATEWAY_BOOTSTRAP_KEY: bootstrapKey },
      settings: { policies },
    });
    const world = new TwoVersions(gateway, [v1, v2, v3], bootstrapKey);
    for (const [name, body] of Object.entries(callers)) {
      const { json } = await world.admin("POST", "/auth/api-keys", { name, ...body });
      world.keys.set(name, { id: json.id, key: json.key });
    }
    await eventually("both servers answer", async () => {
      const { json } = await world.admin("GET", "/mcp/status");
      return json.servers.every(({ status }: { status: string }) => status === "ready") ? true : undefined;
    });
    return world;
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    for (const upstream of this.upstreams) await upstream.stop();
  }

  keyOf(name: string): string {
    return this.keys.get(name)?.key ?? "";
  }

  refused(method: string, path: string, body: unknown): Promise<Answer> {
    return request(this.gateway.origin, method, path, this.keyOf("admin"), body);
  }

  async admin(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await request(this.gateway.origin, method, path, this.keyOf("admin"), body);
    expect([method, path, answer.status < 300 ? "" : answer.text]).toEqual([method, path, ""]);
    return answer;
  }

  routeOf(name: string, who: string, server: string) {
    return {
      ...{ name, effect: "route", subjects: [`key:${this.keys.get(who)?.id}`] },
      ...{ resources: ["github:*"], route: { server } },
    };
  }

  /** One request of a 2026-07-28 client. */
  async ask(who: string, method: string, params: object, path = "/mcp") {
    const named = params as { name?: string; uri?: string };
    const name = named.name ?? named.uri;
    const headers = headersOf(this.keyOf(who), {
      ...{ "mcp-protocol-version": "2026-07-28", "mcp-method": method },
      ...(name !== undefined && { "mcp-name": name }),
    });
    const answer = await post(`${this.gateway.origin}${path}`, headers, {
      ...{ id: 1, method, params: { ...params, _meta: META } },
    });
    const text = await answer.text();
    return JSON.parse(text.startsWith("{") ? text : (text.match(/data: ?(\{.*"id":1.*)/)?.[1] ?? "null"));
  }

  call(who: string, name: string, path?: string) {
    return this.ask(who, "tools/call", { name, arguments: {} }, path);
  }

  /** Who answers a caller now, or why nobody does. */
  async labelOf(who: string): Promise<string> {
    const { result, error } = await this.call(who, "github__test_label");
    return result?.content[0].text ?? error.message;
  }

  async lastCall(filter: string) {
    const { json } = await this.admin("GET", `/admin/logs?${filter}`);
    return json.items[0];
  }
}
