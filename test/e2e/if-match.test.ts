import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { adminRoutes } from "../../src/admin/routes.ts";
import { request } from "./administration.ts";
import { startGateway } from "./gateway.ts";
import { startReplicas } from "./processes.ts";

const TIMEOUT_MS = 60_000;
const WRITERS = 10;

interface Plane {
  /** Several processes take turns where there are several. */
  readonly origins: readonly string[];
  readonly operator: string;
  stop(): Promise<void>;
}

async function onSqlite(): Promise<Plane> {
  const gateway = await startGateway({ servers: [], anonymous: false });
  const operator = await readFile(join(gateway.folder, "data/bootstrap-key"), "utf8");
  return { origins: [gateway.origin], operator: operator.trim(), stop: gateway.stop };
}
async function onPostgres(): Promise<Plane | undefined> {
  const replicas = await startReplicas({ servers: [], anonymous: false });
  if (replicas === undefined) return undefined;
  const [first] = replicas.gateways;
  const operator = await readFile(join(first?.folder ?? "", "data/bootstrap-key"), "utf8");
  const origins = replicas.gateways.map(({ origin }) => origin);
  return { origins, operator: operator.trim(), stop: replicas.stop };
}

/** Of each noun: how one is made, and a change of it. */
const NOUNS: Readonly<
  Record<string, { list: string; one?: string; make: object; put?: (n: number) => object }>
> = {
  organisations: {
    list: "/api/admin/organizations",
    make: { slug: "acme", name: "Acme" },
    put: (n) => ({ name: `n${n}` }),
  },
  namespaces: { list: "/api/admin/namespaces", make: { slug: "team" }, put: (n) => ({ name: `n${n}` }) },
  servers: {
    list: "/gateway/servers",
    make: { name: "away", type: "streamable-http", url: "http://127.0.0.1:9/mcp", active: false },
    put: (n) => ({ description: `n${n}` }),
  },
  users: { list: "/api/admin/users", make: { username: "ann" }, put: (n) => ({ username: `ann${n}` }) },
  policies: { list: "/policies", make: { name: "p", effect: "allow" }, put: (n) => ({ name: `p${n}` }) },
  "rate limits": {
    list: "/api/admin/rate-limits",
    make: { name: "r", per: ["user"], limit: 1_000, window_seconds: 60 },
    put: (n) => ({ description: `n${n}` }),
  },
  keys: { list: "/auth/api-keys", make: { name: "k", role: "viewer" } },
};

describe.each([
  ["SQLite", onSqlite],
  ["two gateways on PostgreSQL", onPostgres],
])("If-Match on %s", (_name, start) => {
  let plane: Plane | undefined;
  let turn = 0;
  beforeAll(async () => {
    plane = await start();
  }, TIMEOUT_MS);
  afterAll(() => plane?.stop(), TIMEOUT_MS);

  const call = (method: string, path: string, body?: unknown, headers = {}, key = plane?.operator) => {
    const origins = plane?.origins ?? [];
    // The gateways of this test have a URL each, and a token is its issuer's; keys are known to all.
    const place = key === plane?.operator ? turn++ % origins.length : 0;
    return request(origins[place] ?? "", method, path, key, body, headers);
  };
  const tagOf = async (path: string, key?: string) => {
    const answer = await call("GET", path, undefined, {}, key);
    expect([path, answer.status]).toEqual([path, 200]);
    return answer.headers.get("etag") ?? "";
  };
  /** All at once under one tag: how often each status was answered. */
  const statuses = async (acts: Promise<{ readonly status: number }>[]) => {
    const counts: Record<number, number> = {};
    for (const { status } of await Promise.all(acts)) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };

  test.each(Object.entries(NOUNS))(
    "of ten writers of %s with one ETag one wins, the rest get 412",
    async (_noun, noun) => {
      if (plane === undefined) return;
      const made = await call("POST", noun.list, noun.make);
      expect([made.status, made.status === 201 ? "" : made.text]).toEqual([201, ""]);
      const path = `${noun.list}/${made.json.id}`;
      const { put } = noun;
      if (put !== undefined) {
        for (let round = 0; round < 3; round++) {
          const headers = { "if-match": await tagOf(path) };
          const puts = Array.from({ length: WRITERS }, (_, n) =>
            call("PUT", path, put(round * 100 + n), headers),
          );
          expect(await statuses(puts)).toEqual({ 200: 1, 412: WRITERS - 1 });
        }
        const stale = await tagOf(path);
        expect((await call("PUT", path, put(1_000), { "if-match": `"other", ${stale}` })).status).toBe(200);
        expect((await call("PUT", path, put(1_001), { "if-match": "*" })).status).toBe(200);
        expect((await call("DELETE", path, undefined, { "if-match": stale })).status).toBe(412);
      }
      expect((await call("DELETE", path, undefined, { "if-match": '"other"' })).status).toBe(412);
      const headers = { "if-match": await tagOf(path) };
      const deletes = Array.from({ length: 3 }, () => call("DELETE", path, undefined, headers));
      const counts = await statuses(deletes);
      expect(counts[204]).toBe(1);
    },
    TIMEOUT_MS,
  );

  test(
    "of ten writers of a profile with one ETag one wins, the rest get 412",
    async () => {
      if (plane === undefined) return;
      const password = "correct horse battery";
      const user = await call("POST", "/api/admin/users", { username: "bea", password });
      const login = await call("POST", "/auth/login", { username: "bea", password }, {}, "");
      expect([user.status, login.status]).toEqual([201, 200]);
      const changed = await call(
        "POST",
        "/auth/password",
        { current_password: password, new_password: "another staple clip" },
        {},
        login.json.access_token,
      );
      expect([changed.status, changed.text]).toEqual([204, ""]);
      const token = (
        await call("POST", "/auth/login", { username: "bea", password: "another staple clip" }, {}, "")
      ).json.access_token;
      const headers = { "if-match": await tagOf("/auth/profile", token) };
      const puts = Array.from({ length: WRITERS }, (_, n) =>
        call("PUT", "/auth/profile", { email: `bea${n}@example.org` }, headers, token),
      );
      expect(await statuses(puts)).toEqual({ 200: 1, 412: WRITERS - 1 });
    },
    TIMEOUT_MS,
  );

  test(
    "where there is no version to name, no tag is the right one",
    async () => {
      if (plane === undefined) return;
      const id = "00000000-0000-4000-8000-000000000000";
      for (const { method, path, versioned, reads, body } of adminRoutes) {
        if (versioned || reads || (method !== "PUT" && method !== "DELETE")) continue;
        const url = path.replaceAll(/\{\w+\}/g, id);
        const sent = body === undefined ? undefined : {};
        expect([path, (await call(method, url, sent, { "if-match": '"x"' })).status]).toEqual([path, 412]);
        expect([path, (await call(method, url, sent, { "if-match": "*" })).status]).not.toEqual([path, 412]);
      }
    },
    TIMEOUT_MS,
  );

  test(
    "what ten writers of one server do not name stays as the others left it",
    async () => {
      if (plane === undefined) return;
      const made = await call("POST", "/gateway/servers", {
        ...{ name: "parts", type: "streamable-http", url: "http://127.0.0.1:9/mcp", active: false },
        headers: { "x-old": "1" },
      });
      const path = `/gateway/servers/${made.json.id}`;
      for (let round = 0; round < 5; round++) {
        const [one, other] = await Promise.all([
          call("PUT", path, { headers: { [`x-${round}`]: "secret" } }),
          call("PUT", path, { auth: { type: "header", header: `x-auth-${round}`, value: "secret" } }),
        ]);
        expect([one.status, other.status]).toEqual([200, 200]);
        const { json } = await call("GET", path);
        expect([json.header_names, json.auth_header]).toEqual([[`x-${round}`], `x-auth-${round}`]);
      }
    },
    TIMEOUT_MS,
  );
});
