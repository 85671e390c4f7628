import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Events } from "../integration/http-gateway.ts";
import { newPerson, request } from "./administration.ts";
import { eventually } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";
import { type Processes, startReplicas } from "./processes.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 60_000;
/** What is promised, and what a machine under load may add. */
const HERE_MS = 1_000;
const ELSEWHERE_MS = 5_000;

const person = (origin: string, operator: string, username: string) =>
  newPerson(origin, operator, { username, permissions: ["x:*"] });

/** A listen stream of a 2026-07-28 client, acknowledged. */
async function listen(origin: string, credential: string): Promise<Events> {
  const answer = await fetch(`${origin}/servers/x/mcp`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${credential}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "subscriptions/listen",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: "l",
      method: "subscriptions/listen",
      params: {
        notifications: { toolsListChanged: true },
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientCapabilities": {},
        },
      },
    }),
    keepalive: false,
  });
  expect(answer.status).toBe(200);
  const events = new Events(answer);
  expect((await events.message())?.method).toBe("notifications/subscriptions/acknowledged");
  return events;
}

/** A 2025-11-25 client's session and its own stream. */
async function legacyStream(origin: string, credential: string): Promise<Events> {
  const headers = {
    authorization: `Bearer ${credential}`,
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "held", version: "1" },
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params });
  const begun = await fetch(`${origin}/servers/x/mcp`, { method: "POST", headers, body, keepalive: false });
  const session = begun.headers.get("mcp-session-id") ?? "";
  await begun.text();
  const stream = await fetch(`${origin}/servers/x/mcp`, {
    headers: { ...headers, accept: "text/event-stream", "mcp-session-id": session },
    keepalive: false,
  });
  expect(stream.status).toBe(200);
  return new Events(stream);
}

/** Milliseconds until each stream has ended, from an act on. */
async function endAfter(streams: readonly Events[], act: () => Promise<{ status: number }>): Promise<number> {
  const ends = Promise.all(streams.map((stream) => stream.rest()));
  const began = performance.now();
  expect((await act()).status).toBeLessThan(300);
  await ends;
  return performance.now() - began;
}

const staysOpen = async (stream: Events) =>
  expect(await Promise.race([stream.rest().then(() => "ended"), Bun.sleep(300).then(() => "open")])).toBe(
    "open",
  );

describe("what a revoked caller holds open ends", () => {
  let upstream: Upstream;
  let gateway: Gateway;
  let operator: string;
  const call = (method: string, path: string, key: string, body?: unknown) =>
    request(gateway.origin, method, path, key, body);

  beforeAll(async () => {
    upstream = await startFixture("both");
    gateway = await startGateway({
      servers: [fixtureEntry("x", upstream, "streamable-http")],
      anonymous: false,
    });
    operator = await bootstrapKey(gateway);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await gateway?.stop();
    await upstream?.stop();
  }, TIMEOUT_MS);

  test(
    "within a second of a logout, and nobody else's",
    async () => {
      const { origin } = gateway;
      const [ann, bob] = [await person(origin, operator, "ann"), await person(origin, operator, "bob")];
      const streams = [await listen(origin, ann.access), await legacyStream(origin, ann.access)];
      const others = [await listen(origin, bob.access), await legacyStream(origin, bob.access)];
      expect(await endAfter(streams, () => call("POST", "/auth/logout", ann.access))).toBeLessThan(HERE_MS);
      await Promise.all(others.map(staysOpen));
    },
    TIMEOUT_MS,
  );

  test(
    "within a second of a deactivation, by the user's token and key alike",
    async () => {
      const { origin } = gateway;
      const eve = await person(origin, operator, "eve");
      const { json: key } = await call("POST", "/auth/api-keys", eve.access, {
        name: "held",
        permissions: ["x:*"],
      });
      const streams = [await listen(origin, eve.access), await listen(origin, key.key)];
      const deactivate = () => call("PUT", `/api/admin/users/${eve.id}`, operator, { active: false });
      expect(await endAfter(streams, deactivate)).toBeLessThan(HERE_MS);
    },
    TIMEOUT_MS,
  );

  test(
    "within a second of a key's revocation, over the API and from the command line",
    async () => {
      const key = async () =>
        (await call("POST", "/auth/api-keys", operator, { name: "k", permissions: ["x:*"] })).json;
      const [one, two] = [await key(), await key()];
      const streams = [await listen(gateway.origin, one.key), await legacyStream(gateway.origin, one.key)];
      const other = await listen(gateway.origin, two.key);
      const revoke = () => call("DELETE", `/auth/api-keys/${one.id}`, operator);
      expect(await endAfter(streams, revoke)).toBeLessThan(HERE_MS);
      const ended = other.rest();
      await gateway.run("keys", "revoke", two.id);
      expect(await Promise.race([ended.then(() => "ended"), Bun.sleep(HERE_MS)])).toBe("ended");
    },
    TIMEOUT_MS,
  );
});

describe("and in another process", () => {
  let upstream: Upstream;
  let processes: Processes | undefined;
  const bootstrapKey = Bun.spawnSync([join(import.meta.dir, "../../bin/mcp-gateway"), "keys", "generate"])
    .stdout.toString()
    .trim();

  beforeAll(async () => {
    upstream = await startFixture("both");
    processes = await startReplicas({
      servers: [fixtureEntry("x", upstream, "streamable-http")],
      anonymous: false,
      // The issuer of their tokens: replicas have one name.
      settings: { server: { url: "http://localhost:8080" } },
      environment: { MCP_GATEWAY_BOOTSTRAP_KEY: bootstrapKey },
    });
    await eventually("both know the server", async () =>
      (await processes?.metric("mcp_gateway_upstream_up")) === 2 ? true : undefined,
    );
  }, TIMEOUT_MS);
  afterAll(async () => {
    await processes?.stop();
    await upstream?.stop();
  }, TIMEOUT_MS);

  test(
    "within five seconds, with the token refused as soon",
    async () => {
      const [here, there] = (processes?.gateways ?? []).map(({ origin }) => origin);
      if (here === undefined || there === undefined) throw new Error("this test needs PostgreSQL");
      const ann = await person(here, bootstrapKey, "ann");
      const streams = [await listen(there, ann.access), await legacyStream(there, ann.access)];
      const logout = () => request(here, "POST", "/auth/logout", ann.access);
      expect(await endAfter(streams, logout)).toBeLessThan(ELSEWHERE_MS);
      expect((await request(there, "GET", "/auth/profile", ann.access)).status).toBe(401);
    },
    TIMEOUT_MS,
  );
});
