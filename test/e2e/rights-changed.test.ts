import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { OAuth2Server } from "oauth2-mock-server";
import { newPerson, request, toolCall } from "./administration.ts";
import { eventually, freePort } from "./child.ts";
import { startGateway } from "./gateway.ts";
import { headersOf, legacySession, listen, post } from "./heard.ts";
import { startReplicas } from "./processes.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 90_000;
const LISTS = ["tools", "prompts", "resources"].map((list) => `notifications/${list}/list_changed`);
const bootstrapKey = Bun.spawnSync([join(import.meta.dir, "../../bin/mcp-gateway"), "keys", "generate"])
  .stdout.toString()
  .trim();

const URL_OF_ALL = "http://localhost:8080";
const provider = new OAuth2Server();
beforeAll(async () => {
  await provider.issuer.keys.generate("RS256");
  await provider.start(await freePort(), "127.0.0.1");
});
afterAll(() => provider.stop());

interface Place {
  /** Where rights are changed, and where the streams are. */
  readonly here: string;
  readonly there: string;
  stop(): Promise<void>;
}

const person = (origin: string, username: string) =>
  newPerson(origin, bootstrapKey, { username, permissions: ["x:*"] });

describe.each([
  ["on the same replica, within a second", 1_000, "one"],
  ["on another replica, within five seconds", 5_000, "two"],
])("rights that changed %s", (_name, withinMs, count) => {
  let upstreams: Upstream[] = [];
  let place: Place | undefined;

  beforeAll(async () => {
    upstreams = [await startFixture("both"), await startFixture("both")];
    const options = {
      servers: upstreams.map((upstream, index) =>
        fixtureEntry(index === 0 ? "x" : "y", upstream, "streamable-http"),
      ),
      anonymous: false,
      settings: {
        server: { url: URL_OF_ALL },
        oauth: {
          ...{ enabled: true, provider: "oidc", jit: true },
          authorization_servers: [provider.issuer.url],
        },
      },
      environment: { MCP_GATEWAY_BOOTSTRAP_KEY: bootstrapKey },
    };
    if (count === "one") {
      const gateway = await startGateway(options);
      place = { here: gateway.origin, there: gateway.origin, stop: gateway.stop };
      return;
    }
    const replicas = await startReplicas(options);
    if (replicas === undefined) return;
    await eventually("both know the servers", async () =>
      (await replicas.metric("mcp_gateway_upstream_up")) === 4 ? true : undefined,
    );
    const [here = "", there = ""] = replicas.gateways.map(({ origin }) => origin);
    place = { here, there, stop: replicas.stop };
  }, TIMEOUT_MS);
  afterAll(async () => {
    await place?.stop();
    for (const upstream of upstreams) await upstream.stop();
  }, TIMEOUT_MS);

  const admin = async (method: string, path: string, body?: unknown) => {
    const answer = await request(place?.here ?? "", method, path, bootstrapKey, body);
    expect([path, answer.status < 300 ? "" : answer.text]).toEqual([path, ""]);
    return answer.json;
  };
  /** Changes the watched resource at its server, through the operator. */
  const changeResource = async () => {
    const headers = headersOf(bootstrapKey, {
      ...{ "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call" },
      "mcp-name": "test_trigger_resource_update",
    });
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const params = { name: "test_trigger_resource_update", arguments: {}, _meta };
    const answer = await post(`${place?.here}/servers/x/mcp`, headers, {
      id: 1,
      method: "tools/call",
      params,
    });
    expect(await answer.text()).toContain("version");
  };
  /** Milliseconds until it is so. */
  const soon = async (what: string, isSo: () => boolean) => {
    const began = performance.now();
    await eventually(what, async () => (isSo() ? true : undefined), { timeoutMs: withinMs });
    return performance.now() - began;
  };

  async function forbiddenAndPermitted(
    who: { access: string },
    forbid: () => Promise<unknown>,
    permit: () => Promise<unknown>,
  ): Promise<void> {
    const url = `${place?.there}/mcp`;
    const modern = await listen(url, who.access);
    const { heard: legacy, stream } = await legacySession(url, who.access);
    const both = [modern, legacy];
    await changeResource();
    await soon("both hear of a change", () => both.every(({ updates }) => updates === 1));
    for (const heard of both) heard.clear();

    await forbid();
    await soon("both learn that their lists changed", () => both.every((heard) => heard.hasAll(LISTS)));
    for (const method of LISTS)
      for (const heard of both) expect(heard.methods.filter((one) => one === method)).toHaveLength(1);
    await changeResource();
    await Bun.sleep(500);
    expect(both.map(({ updates }) => updates)).toEqual([0, 0]);
    for (const heard of both) heard.clear();

    await permit();
    await soon("both learn it again", () => both.every((heard) => heard.hasAll(LISTS)));
    await changeResource();
    await soon("both hear of changes again", () => both.every(({ updates }) => updates === 1));

    // What was kept for a client that is away for a moment is not delivered either.
    await legacy.events.cancel();
    const seen = legacy.ids.at(-1) ?? "";
    await changeResource();
    await Bun.sleep(200);
    await forbid();
    await soon("the other learns it", () => modern.methods.filter((one) => one === LISTS[0]).length === 2);
    const back = await stream(seen);
    await Bun.sleep(300);
    expect(back.updates).toBe(0);
    expect(back.hasAll(LISTS)).toBe(true);
    await permit();
    await Promise.all([modern.events.cancel(), back.events.cancel()]);
  }

  test(
    "a user's permissions",
    async () => {
      if (place === undefined) return;
      const ann = await person(place.here, "ann");
      const permit = (permissions: string[]) => admin("PUT", `/api/admin/users/${ann.id}`, { permissions });
      await forbiddenAndPermitted(
        ann,
        () => permit(["y:*"]),
        () => permit(["x:*"]),
      );
    },
    TIMEOUT_MS,
  );

  test(
    "what the claims of a provider's token are worth",
    async () => {
      if (place === undefined) return;
      const access = await provider.issuer.buildToken({
        scopesOrTransform: (_header, payload) =>
          Object.assign(payload, { sub: `kay-${count}`, aud: URL_OF_ALL, groups: ["Team"], roles: ["Ops"] }),
      });
      const put = (claims: string[], pattern: string) =>
        admin("PUT", "/api/admin/claim-mapping", {
          claims,
          mappings: Object.fromEntries(claims.map((claim) => [`${claim}:Team`, ["scope:team"]])),
          permissions: { [pattern]: ["scope:team"] },
        });
      const there = place.there;
      const isPermitted = () =>
        eventually("it is permitted there", async () => {
          const answer = await toolCall(there, "/servers/x/mcp", access, "test_simple_text", {});
          return answer.status === 200 ? true : undefined;
        });
      await put(["groups"], "x:*");
      await isPermitted();
      await forbiddenAndPermitted(
        { access },
        () => put(["groups"], "y:*"),
        () => put(["groups"], "x:*"),
      );
      await isPermitted();
      // Another claim is read, which says something else of the same token.
      await forbiddenAndPermitted(
        { access },
        () => put(["roles"], "x:*"),
        () => put(["groups"], "x:*"),
      );
      await admin("DELETE", "/api/admin/claim-mapping");
    },
    TIMEOUT_MS,
  );

  test(
    "a policy",
    async () => {
      if (place === undefined) return;
      const bob = await person(place.here, "bob");
      const subjects = [`user:${bob.id}`];
      let policy = { id: "" };
      await admin("POST", "/policies", { name: "rest", effect: "allow" });
      await forbiddenAndPermitted(
        bob,
        async () => {
          policy = await admin("POST", "/policies", {
            name: "p",
            effect: "deny",
            subjects,
            resources: ["x:*"],
          });
        },
        () => admin("DELETE", `/policies/${policy.id}`),
      );
    },
    TIMEOUT_MS,
  );

  test(
    "the streams at a server that is forbidden end, and others stay",
    async () => {
      if (place === undefined) return;
      const eve = await person(place.here, "eve");
      const streams = [
        await listen(`${place.there}/servers/x/mcp`, eve.access),
        (await legacySession(`${place.there}/servers/x/mcp`, eve.access)).heard,
      ];
      const others = [
        await listen(`${place.there}/servers/x/mcp`, bootstrapKey),
        (await legacySession(`${place.there}/servers/x/mcp`, bootstrapKey)).heard,
      ];
      await admin("PUT", `/api/admin/users/${eve.id}`, { permissions: ["y:*"] });
      await soon("they end", () => streams.every(({ hasEnded }) => hasEnded));
      expect(others.map(({ hasEnded }) => hasEnded)).toEqual([false, false]);
      await Promise.all(others.map(({ events }) => events.cancel()));
    },
    TIMEOUT_MS,
  );
});
