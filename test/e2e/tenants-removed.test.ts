import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { SQL } from "bun";
import { request, toolCall } from "./administration.ts";
import { eventually } from "./child.ts";
import { startGateway } from "./gateway.ts";
import { type Heard, headersOf, legacySession, listen, post } from "./heard.ts";
import { startReplicas } from "./processes.ts";
import { startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 90_000;
const operator = Bun.spawnSync([join(import.meta.dir, "../../bin/mcp-gateway"), "keys", "generate"])
  .stdout.toString()
  .trim();
/** What stays of a removed organisation: its records, until they expire. */
const RECORDS = /^(request_logs|request_contents|audit_)/;

interface Place {
  /** Where is removed, and where is held open. */
  readonly here: string;
  readonly there: string;
  readonly databaseUrl?: string;
  readonly withinMs: number;
  mintKey(...arguments_: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}
const options = {
  servers: [],
  anonymous: false,
  settings: { server: { url: "http://localhost:8080" } },
  environment: { MCP_GATEWAY_BOOTSTRAP_KEY: operator },
};

async function onOne(): Promise<Place> {
  const { origin, mintKey, stop } = await startGateway(options);
  return { here: origin, there: origin, withinMs: 1_000, mintKey, stop };
}
async function onTwo(): Promise<Place | undefined> {
  const replicas = await startReplicas(options);
  if (replicas === undefined) return undefined;
  const { databaseUrl, stop } = replicas;
  const [first, second] = replicas.gateways;
  if (first === undefined || second === undefined) throw new Error("two gateways are wanted");
  const { origin: here, mintKey } = first;
  return { here, there: second.origin, databaseUrl, withinMs: 5_000, mintKey, stop };
}

describe.each([
  ["one gateway, within a second", onOne],
  ["two gateways, within five seconds", onTwo],
])("what is removed leaves nothing that lives: %s", (_name, start) => {
  let upstream: Upstream;
  let place: Place | undefined;
  beforeAll(async () => {
    upstream = await startFixture("both");
    place = await start();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await place?.stop();
    await upstream.stop();
  }, TIMEOUT_MS);

  const at = async (origin: string, method: string, path: string, key: string, body?: unknown) => {
    const answer = await request(origin, method, path, key, body);
    expect([method, path, answer.status < 300 ? "" : answer.text]).toEqual([method, path, ""]);
    return answer.json;
  };
  const statusOf = async (path: string, key: string) => {
    const headers = headersOf(key, {
      ...{ "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list" },
    });
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const message = { id: 1, method: "tools/list", params: { _meta } };
    const answer = await post(`${place?.there}${path}`, headers, message);
    return [answer.status, await answer.text()] as const;
  };
  const soon = (what: string, isSo: () => Promise<boolean>) =>
    eventually(what, async () => ((await isSo()) ? true : undefined), { timeoutMs: place?.withinMs ?? 0 });
  const haveEnded = async (streams: readonly Heard[]) => streams.every(({ hasEnded }) => hasEnded);

  /** An organisation with everything one can have, and its administrator's key. */
  async function organisation(slug: string) {
    const { here, mintKey } = place as Place;
    const { id } = await at(here, "POST", "/api/admin/organizations", operator, { slug, name: slug });
    const admin = await mintKey(
      "--name",
      "a",
      "--role",
      "admin",
      "--organization",
      slug,
      "--permission",
      "*:*",
    );
    await at(here, "POST", "/api/admin/namespaces", admin, { slug: "team" });
    const server = { type: "streamable-http", url: upstream.url };
    for (const namespace of ["default", "team"])
      await at(here, "POST", "/gateway/servers", admin, { ...server, name: "x", namespace });
    const made = async (namespace?: string) => {
      const body = { name: "k", role: "user", permissions: ["*:*"], ...(namespace && { namespace }) };
      return (await at(here, "POST", "/auth/api-keys", admin, body)).key as string;
    };
    await at(here, "POST", "/policies", admin, { name: "p", effect: "allow" });
    await at(here, "POST", "/policies", admin, { name: "t", effect: "allow", namespace: "team" });
    const limit = { name: "r", per: ["key"], limit: 10_000, window_seconds: 60 };
    await at(here, "POST", "/api/admin/rate-limits", admin, limit);
    await at(here, "POST", "/api/admin/users", admin, { username: "ann" });
    const [user, bound] = [await made(), await made("team")];
    for (const path of ["/mcp", "/namespaces/team/mcp"])
      await eventually(`${path} is served`, async () =>
        (await statusOf(path, user))[1].includes("test_simple_text") ? true : undefined,
      );
    return { id: id as string, admin, user, bound };
  }
  /** Streams of both eras at both of its endpoints, in the other process. */
  async function open({ user }: { user: string }) {
    const { there } = place as Place;
    const held = async (path: string) => {
      const session = await legacySession(`${there}${path}`, user);
      return { path, streams: [await listen(`${there}${path}`, user), session.heard], session };
    };
    return { own: await held("/mcp"), team: await held("/namespaces/team/mcp") };
  }
  /** Rows of an organisation by table, but of its records. */
  async function rowsOf(column: string, id: string): Promise<Record<string, number>> {
    const sql = new SQL({ url: place?.databaseUrl ?? "", max: 1 });
    try {
      const tables: { table_name: string }[] = await sql`select c.table_name from information_schema.columns c
        join information_schema.tables t on t.table_name = c.table_name and t.table_schema = c.table_schema
        where c.column_name = ${column} and c.table_schema = 'public' and t.table_type = 'BASE TABLE'`;
      const counts: Record<string, number> = {};
      for (const { table_name: name } of tables) {
        if (RECORDS.test(name)) continue;
        const [row] = await sql.unsafe(`select count(*)::int as n from ${name} where ${column} = $1`, [id]);
        if (row.n > 0) counts[name] = row.n;
      }
      return counts;
    } finally {
      await sql.close();
    }
  }

  test(
    "a namespace: its streams, sessions, servers and keys; what is beside it stays",
    async () => {
      if (place === undefined) return;
      const { here } = place;
      const tenant = await organisation("beta");
      const { own, team } = await open(tenant);
      expect((await statusOf("/mcp", tenant.bound))[0]).toBe(200);
      const { items } = await at(here, "GET", "/api/admin/namespaces", tenant.admin);
      const { id } = items.find(({ slug }: { slug: string }) => slug === "team");
      if (place.databaseUrl !== undefined)
        expect(Object.keys(await rowsOf("namespace_id", id)).sort()).toEqual(
          ["api_keys", "mcp_servers", "mcp_sessions", "policies"].sort(),
        );
      await at(here, "DELETE", `/api/admin/namespaces/${id}`, tenant.admin);
      await soon("its streams end", () => haveEnded(team.streams));
      await soon("its key works no more", async () => (await statusOf("/mcp", tenant.bound))[0] === 401);
      await soon("it is not there", async () => (await statusOf(team.path, tenant.user))[0] === 404);
      const session = await post(`${place.there}${team.path}`, team.session.headers, {
        id: 9,
        method: "ping",
      });
      expect(session.status).toBe(404);
      expect(await haveEnded(own.streams)).toBe(false);
      expect(own.streams.map(({ hasEnded }) => hasEnded)).toEqual([false, false]);
      expect((await statusOf("/mcp", tenant.user))[1]).toContain("test_simple_text");
      if (place.databaseUrl !== undefined) expect(await rowsOf("namespace_id", id)).toEqual({});
      await Promise.all(own.streams.map(({ events }) => events.cancel()));
    },
    TIMEOUT_MS,
  );

  test(
    "an organisation: everything but its records, and another one's stays",
    async () => {
      if (place === undefined) return;
      const { here, there } = place;
      const [gone, stays] = [await organisation("gamma"), await organisation("delta")];
      const [held, others] = [await open(gone), await open(stays)];
      const login = { organization: "gamma", username: "eve", password: "correct horse battery" };
      await at(here, "POST", "/api/admin/users", gone.admin, { username: "eve", password: login.password });
      const { access_token: token } = await at(there, "POST", "/auth/login", "", login);
      const serversBefore = (await request(there, "GET", "/ready", operator)).json.servers.length;
      await at(here, "DELETE", `/api/admin/organizations/${gone.id}`, operator);
      const streams = [...held.own.streams, ...held.team.streams];
      await soon("its streams end", () => haveEnded(streams));
      for (const key of [gone.admin, gone.user, gone.bound, token])
        await soon(
          "its credentials work no more",
          async () => (await request(there, "GET", "/auth/profile", key)).status === 401,
        );
      const again = await request(there, "POST", "/auth/login", undefined, login);
      expect(again.status).toBe(401);
      for (const { path, session } of [held.own, held.team])
        expect((await post(`${there}${path}`, session.headers, { id: 9, method: "ping" })).status).toBe(401);
      // Of four servers, those of the one that stays are connected.
      await soon("its servers are let go", async () => {
        const { json } = await request(there, "GET", "/ready", operator);
        return json.servers.filter(({ name }: { name: string }) => name === "x").length === serversBefore - 2;
      });
      if (place.databaseUrl !== undefined) expect(await rowsOf("organization_id", gone.id)).toEqual({});
      const kept = [...others.own.streams, ...others.team.streams];
      expect(kept.map(({ hasEnded }) => hasEnded)).toEqual([false, false, false, false]);
      expect((await statusOf("/namespaces/team/mcp", stays.bound))[1]).toContain("test_simple_text");
      await Promise.all(kept.map(({ events }) => events.cancel()));
    },
    TIMEOUT_MS,
  );

  test(
    "an organisation's records are a platform administrator's to read until they expire, and that is recorded",
    async () => {
      if (place === undefined) return;
      const { here, there } = place;
      const [gone, stays] = [await organisation("epsilon"), await organisation("zeta")];
      expect((await toolCall(there, "/mcp", gone.user, "x__test_echo", { nonce: "n" })).status).toBe(200);
      const path = `/admin/platform/logs?organization_id=${gone.id}`;
      const ask = (more: string, key = operator) => request(there, "GET", `${path}${more}`, key);
      await eventually("the call is in its record", async () => {
        const { items } = await at(there, "GET", "/admin/logs?target=test_echo&status=ok", gone.admin);
        return items.length === 1 ? true : undefined;
      });
      for (const spelled of [gone.id, gone.id.toUpperCase()]) {
        const early = await request(
          there,
          "GET",
          `/admin/platform/logs?organization_id=${spelled}`,
          operator,
        );
        expect([early.status, early.json.detail]).toEqual([
          409,
          expect.stringContaining("organization=epsilon"),
        ]);
      }
      await at(here, "DELETE", `/api/admin/organizations/${gone.id}`, operator);

      const events = (await ask("&limit=1000")).json.items;
      expect(events.map(({ action }: { action: string }) => action)).toContain("server.create");
      expect(events.every(({ kind }: { kind: string }) => kind === "event")).toBe(true);
      const calls = (await ask("&kind=call&target=test_echo")).json.items;
      expect(calls).toMatchObject([{ kind: "call", server: "x", target: "test_echo", status: "ok" }]);
      const page = (await ask("&limit=2")).json;
      const rest = (await ask(`&limit=2&cursor=${page.next_cursor}`)).json.items;
      expect([...page.items, ...rest]).toEqual(events.slice(0, 4));
      const csv = await ask("&kind=call&format=csv");
      expect(csv.headers.get("content-disposition")).toContain("removed-calls-");
      expect(csv.text).toContain("test_echo");
      // Nobody's alone, and nothing of anybody else's.
      expect((await ask("", stays.admin)).status).toBe(403);
      const nowhere = await request(
        there,
        "GET",
        `/admin/platform/logs?organization_id=${stays.id}`,
        operator,
      );
      expect(nowhere.status).toBe(409);
      const unknown = `/admin/platform/logs?organization_id=${crypto.randomUUID()}`;
      expect((await at(there, "GET", unknown, operator)).items).toEqual([]);
      for (const wrong of ["&kind=event&server=x", "&contents=true", "&organization=zeta"])
        expect((await ask(wrong)).status).toBe(400);
      expect((await request(there, "GET", "/admin/platform/logs?kind=call", operator)).status).toBe(400);

      await eventually("who read it is in the record of the reader's", async () => {
        const target = `/admin/logs?kind=event&action=log.list&target=organization:${gone.id}&limit=1000`;
        const { items } = await at(there, "GET", target, operator);
        const ends = items.map(({ error_code: code }: { error_code: string | null }) => code ?? "ok");
        return ends.includes("conflict") && ends.filter((one: string) => one === "ok").length >= 4
          ? true
          : undefined;
      });
    },
    TIMEOUT_MS,
  );

  test(
    "maxima of servers and sessions hold where many are made at once by both",
    async () => {
      if (place === undefined) return;
      const { here, there, mintKey } = place;
      const body = { slug: "narrow", name: "n", max_servers: 5, max_sessions: 4 };
      await at(here, "POST", "/api/admin/organizations", operator, body);
      const role = ["--role", "admin", "--organization", "narrow", "--permission", "*:*"];
      const admin = await mintKey("--name", "a", ...role);
      const server = (name: string) => ({ name, type: "streamable-http", url: upstream.url, active: false });
      const each = (n: number) => (n % 2 === 0 ? here : there);
      const made = await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          request(each(n), "POST", "/gateway/servers", admin, server(`s-${n}`)),
        ),
      );
      expect(made.filter(({ status }) => status === 201)).toHaveLength(5);
      const codes = new Set(made.filter(({ status }) => status !== 201).map(({ json }) => json.code));
      expect([...codes]).toEqual(["quota_exceeded"]);
      expect((await at(there, "GET", "/gateway/servers", admin)).items).toHaveLength(5);

      const params = {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "l", version: "1" },
      };
      const begun = await Promise.all(
        Array.from({ length: 30 }, async (_, n) => {
          const answer = await post(`${each(n)}/mcp`, headersOf(admin), {
            id: 0,
            method: "initialize",
            params,
          });
          return [answer.status, await answer.text()] as const;
        }),
      );
      expect(begun.filter(([status]) => status === 200)).toHaveLength(4);
      expect(begun.filter(([status]) => status === 429)).toHaveLength(26);
      const { items } = await at(here, "GET", "/api/admin/sessions", admin);
      const active = items.filter(({ status }: { status: string }) => status === "active");
      expect(active).toHaveLength(4);
    },
    TIMEOUT_MS,
  );
});
