import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { restart } from "../faults/restarted.ts";
import { type Answer, request, toolCall } from "./administration.ts";
import { type Child, eventually } from "./child.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { startTelltale, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 60_000;
const LEVELS = ["none", "digest", "redacted", "full"] as const;
const UPSTREAM_TOKEN = "upstream-token-5Vd0q";
/** What may stand in no record, whatever is kept. */
const AWS_KEY = "AKIAIOSFODNN7EXAMPLE";
/** What may stand in the records of `full` alone. */
const [PASSWORD, PHRASE, SSN] = ["hunter2-planted", "correct-horse-planted", "078-05-1120"];
const REMARK = "an innocent remark";

let upstream: Upstream;
let gateway: Gateway;
let restarted: Child | undefined;
let operator: string;
let admin: string;

const call = (method: string, path: string, key?: string, body?: unknown, headers = {}) =>
  request(gateway.origin, method, path, key, body, headers);

const tell = (server: string, args: object): Promise<Answer> =>
  toolCall(gateway.origin, `/servers/${server}/mcp`, admin, "tell", args);
const planted = (key: string) => ({
  remark: REMARK,
  password: PASSWORD,
  phrase: PHRASE,
  person: { ssn: SSN },
  env: `AWS_KEY_ID is ${AWS_KEY}, key ${key}`,
});
const logged = (query: string) =>
  eventually("the journal has drained", async () => {
    const { json } = await call("GET", `/admin/logs?${query}`, admin);
    return json.items[0] as { id: string; arguments_digest: string | null } | undefined;
  });

beforeAll(async () => {
  upstream = await startTelltale();
  gateway = await startGateway({
    servers: LEVELS.map((content) => ({
      name: content,
      type: "streamable-http",
      connection: { url: upstream.url },
      auth: { type: "bearer", token: UPSTREAM_TOKEN },
      audit: { content },
    })),
    anonymous: false,
    settings: { audit: { redact: { paths: ["$..ssn"] } }, limits: { failed_auth_per_minute: 10_000 } },
  });
  operator = (await readFile(join(gateway.folder, "data/bootstrap-key"), "utf8")).trim();
  admin = await gateway.mintKey("--name", "a", "--role", "admin", "--permission", "*:*");
  await eventually("the servers are ready", async () => {
    const { json } = await call("GET", "/mcp/status", operator);
    return json.servers.every(({ status }: { status: string }) => status === "ready") ? true : undefined;
  });
  for (const level of LEVELS) {
    const { json } = await tell(level, planted(admin));
    expect(json.result.structuredContent.headers.authorization).toBe(`Bearer ${UPSTREAM_TOKEN}`);
  }
}, TIMEOUT_MS);
afterAll(async () => {
  await restarted?.stop(30_000);
  await gateway?.stop();
  await upstream?.stop();
}, TIMEOUT_MS);

test.each(["none", "digest"])("%s keeps no text", async (level) => {
  const { id, arguments_digest } = await logged(`server=${level}&status=ok`);
  const { json } = await call("GET", `/admin/logs/${id}`, admin);
  expect(json).toMatchObject({
    id,
    server: level,
    contents: { arguments: null, result: null, error: null, answers: [] },
  });
  const digest = Bun.SHA256.hash(JSON.stringify(planted(admin)), "hex");
  expect(arguments_digest).toBe(level === "none" ? null : digest);
});

test("redacted keeps arguments and result without what names, schema, paths and form say is secret", async () => {
  const { id } = await logged("server=redacted&status=ok");
  const { json, text } = await call("GET", `/admin/logs/${id}`, admin);
  const kept = {
    remark: REMARK,
    password: "[redacted]",
    phrase: "[redacted]",
    person: { ssn: "[redacted]" },
    env: "AWS_KEY_ID is [redacted], key [redacted]",
  };
  expect(json.contents.arguments).toMatchObject({ level: "redacted", state: "whole", value: kept });
  expect(json.contents.result.value.structuredContent).toEqual({
    given: kept,
    headers: { authorization: "[redacted]" },
  });
  expect(json.contents.result.value.content[0].text).toContain(`{"remark":"${REMARK}","password":[redacted]`);
  for (const secret of [PASSWORD, PHRASE, SSN, AWS_KEY, UPSTREAM_TOKEN, admin])
    expect(text).not.toContain(secret);
});

test("full keeps all but credentials", async () => {
  const { id } = await logged("server=full&status=ok");
  const { json, text } = await call("GET", `/admin/logs/${id}`, admin);
  expect(json.contents.arguments.value).toEqual({
    ...planted(admin),
    env: "AWS_KEY_ID is [redacted], key [redacted]",
  });
  expect(json.contents.result.value.structuredContent.given.password).toBe(PASSWORD);
  for (const secret of [AWS_KEY, UPSTREAM_TOKEN, admin]) expect(text).not.toContain(secret);
});

test("an administrator of the organisation alone may read it, and that is recorded", async () => {
  const { id } = await logged("server=full&status=ok");
  for (const role of ["user", "viewer", "api_user"]) {
    const key = await gateway.mintKey("--name", role, "--role", role, "--permission", "*:*");
    expect((await call("GET", `/admin/logs/${id}`, key)).status).toBe(403);
    expect((await call("GET", "/admin/logs?format=jsonl&contents=true", key)).status).toBe(403);
  }
  expect((await call("GET", `/admin/logs/${id}`)).status).toBe(401);
  await call("POST", "/api/admin/organizations", operator, { slug: "acme", name: "Acme" });
  const stranger = await gateway.mintKey("--name", "s", "--role", "admin", "--organization", "acme");
  const foreign = await call("GET", `/admin/logs/${id}`, stranger);
  const missing = await call("GET", `/admin/logs/${Bun.randomUUIDv7()}`, stranger);
  expect([foreign.status, missing.status]).toEqual([404, 404]);
  expect((await call("GET", "/admin/logs/none", admin)).status).toBe(404);
  await call("GET", `/admin/logs/${id}`, admin);
  await logged(`kind=event&action=log.read&target=call:${id}`);
});

test("a policy about the records of one namespace is about what was said there", async () => {
  const { id } = await logged("server=full&status=ok");
  for (const [narrowed, expected] of [
    [{ resources: ["default/log:*"] }, 403],
    [{ namespace: "default" }, 403],
    [{ condition: 'target.namespace == "default"' }, 403],
    [{ resources: ["elsewhere/log:*"] }, 200],
  ] as const) {
    const policy = { name: "records", effect: "deny", actions: ["log.read"], ...narrowed };
    const made = await call("POST", "/policies", admin, policy);
    const read = await call("GET", `/admin/logs/${id}`, admin);
    expect([narrowed, read.status]).toEqual([narrowed, expected]);
    expect((await call("DELETE", `/policies/${made.json.id}`, admin)).status).toBe(204);
  }
});

test("exports hold it where that is asked for", async () => {
  const path = "/admin/logs?server=full&status=ok";
  const plain = await call("GET", `${path}&format=jsonl`, admin);
  expect(plain.text).not.toContain(REMARK);
  expect(JSON.parse(plain.text.split("\n")[0] ?? "")).not.toHaveProperty("contents");
  const lines = await call("GET", `${path}&format=jsonl&contents=true`, admin);
  expect(JSON.parse(lines.text.split("\n")[0] ?? "").contents.arguments.value.remark).toBe(REMARK);
  const csv = await call("GET", `${path}&format=csv&contents=true`, admin);
  expect(csv.text.split("\r\n")[0]).toEndWith(",contents");
  expect(csv.text).toContain(REMARK);
  expect((await call("GET", `${path}&contents=true`, admin)).json.code).toBe("invalid_request");
  expect((await call("GET", "/admin/logs?kind=event&format=csv&contents=true", admin)).status).toBe(400);
  await logged("kind=event&action=log.list");
});

test(
  "a call cut off by SIGKILL has its arguments, and what was said before verifies",
  async () => {
    void tell("redacted", { remark: "cut off", password: PASSWORD, ms: 30_000 }).catch(() => {});
    for (let n = 0; n < 60; n++) void tell("full", { n, ms: n * 5 }).catch(() => {});
    const journal = join(gateway.folder, "data/journal");
    await eventually("the intent stands in the journal", async () => {
      const text = await textOf(journal);
      // Some of them have ended, others not.
      return text.split('"kind":"call_outcome"').length - 1 > LEVELS.length + 20 ? true : undefined;
    });
    gateway.child.kill("SIGKILL");
    restarted = await restart(gateway);
    const { id } = await logged("server=redacted&status=unknown");
    const { json } = await call("GET", `/admin/logs/${id}`, admin);
    expect(json.contents).toMatchObject({
      arguments: { state: "whole", value: { remark: "cut off", password: "[redacted]", ms: 30_000 } },
      result: null,
    });
    const lines = await eventually("what was recorded has drained", async () => {
      const { text } = await call("GET", "/admin/logs?server=full&format=jsonl&contents=true", admin);
      return text.includes('"status":"running"') ? undefined : text.trim().split("\n");
    });
    const statuses = new Set<string>();
    for (const { status, contents } of lines.map((line) => JSON.parse(line))) {
      statuses.add(status);
      expect(contents.arguments?.state).toBe("whole");
      if (status === "ok") expect(contents.result?.state).toBe("whole");
    }
    expect([...statuses].sort()).toEqual(["ok", "unknown"]);
    expect(await gateway.run("audit", "verify")).toStartWith("Verified:");
    expect(await gateway.run("audit", "verify", "--store")).toStartWith("Verified:");
  },
  TIMEOUT_MS,
);

test("no secret, and no text, stands in the journal, the store or the logs", async () => {
  const written = (await textOf(join(gateway.folder, "data"))) + gateway.logs() + (restarted?.output() ?? "");
  expect(written).toContain('"kind":"call_content"');
  for (const secret of [PASSWORD, PHRASE, SSN, AWS_KEY, UPSTREAM_TOKEN, admin, REMARK]) {
    expect(written.includes(secret)).toBe(false);
  }
});

test("a change of the file is taken on while running", async () => {
  const path = join(gateway.folder, "gateway.yaml");
  await writeFile(path, (await readFile(path, "utf8")).replace("content: digest", "content: full"));
  const value = await eventually("the change is in force", async () => {
    await tell("digest", { remark: "after the change" });
    const { text } = await call("GET", "/admin/logs?server=digest&format=jsonl&contents=true&limit=1", admin);
    return JSON.parse(text.split("\n")[0] ?? "{}").contents?.arguments?.value;
  });
  expect(value).toEqual({ remark: "after the change" });
});

/** Of all files of a folder, the store's database among them. */
async function textOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), "latin1")));
  return texts.join("\n");
}
