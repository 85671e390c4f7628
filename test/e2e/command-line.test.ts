import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { request } from "./administration.ts";
import { type Child, childEnvironment, eventually, freePort, startChild } from "./child.ts";

const PROGRAM = join(import.meta.dir, "../../bin/mcp-gateway");
const TIMEOUT_MS = 60_000;
/** A shell takes it for two words where nobody quotes it. */
const NAME = "the gateway's data";

let folder: string;
let dataDir: string;
let configPath: string;
let port: number;
let running: Child | undefined;
beforeAll(async () => {
  folder = mkdtempSync(join(process.env.TMPDIR ?? "/tmp", "mcp-gateway-commands-"));
  dataDir = join(folder, NAME);
  configPath = join(folder, "a file.yaml");
  port = await freePort();
  // Of the shell that started the gateway alone.
  const server =
    '{ name: tickets, type: sse, connection: { url: "http://localhost:1/" }, auth: { type: bearer, token: "${TICKETS_TOKEN}" } }';
  writeFileSync(configPath, `server: { port: ${port} }\nproxy: { servers: [${server}] }\n`);
});
afterEach(async () => {
  await running?.stop(30_000);
  running = undefined;
}, TIMEOUT_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const environment = { MCP_GATEWAY_ENV: "development", TICKETS_TOKEN: "t" };
const origin = () => `http://localhost:${port}`;
const call = (method: string, path: string, key?: string, body?: unknown) =>
  request(origin(), method, path, key, body);
const place = () => ["--config", configPath, "--data-dir", dataDir];

async function started(): Promise<void> {
  running = startChild([PROGRAM, "serve", ...place()], { cwd: folder, environment });
  await eventually(
    "it is ready",
    async () => ((await fetch(`${origin()}/ready`).catch(() => undefined))?.ok === true ? true : undefined),
    { timeoutMs: 15_000 },
  );
}

/** What a person would paste, from another folder than the gateway's data. */
async function shell(line: string): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn(["sh", "-c", line.replace("bin/mcp-gateway", PROGRAM)], {
    cwd: folder,
    env: childEnvironment(),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, err };
}
async function run(...args: readonly string[]): Promise<Record<string, string>> {
  const quoted = [...args, ...place(), "--json"].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const { code, out, err } = await shell(`MCP_GATEWAY_ENV=development bin/mcp-gateway ${quoted.join(" ")}`);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out);
}
const bootstrapKey = () => readFileSync(join(dataDir, "bootstrap-key"), "utf8").trim();

/** Events by the command line on an object, oldest first. */
async function recorded(target: string, count: number): Promise<Record<string, unknown>[]> {
  return eventually(`${target} is recorded`, async () => {
    const { items } = (await call("GET", "/admin/logs?kind=event&limit=1000", bootstrapKey())).json;
    const mine = items.filter((item: { target: string }) => item.target === target);
    return mine.length === count ? mine.reverse() : undefined;
  });
}

test(
  "the greeting's commands reach the gateway that was started, wherever its data is, and say where they went",
  async () => {
    await started();
    const greeting = await eventually("it greets", async () =>
      running?.output().includes("Inspector") ? running.output() : undefined,
    );
    expect(greeting).toContain(`${origin()}/mcp`);
    expect(greeting).not.toContain("http://127.0.0.1");
    // Without -y npx asks before it fetches, and waits for ever where nobody sees the question.
    expect(greeting).not.toMatch(/npx (?!-y )/);
    const line = greeting.split("\n").find((one) => one.includes("setup-admin")) ?? "";
    const { code, out, err } = await shell(line);
    expect(code).toBe(0);
    expect(err).toContain(`the gateway that runs on ${dataDir}`);
    const answer = await call("POST", "/auth/login", undefined, { username: "admin", password: out.trim() });
    expect(answer.status).toBe(200);
    expect((await shell(line)).err).toContain("setup-reset gives it a new password");
    const reader = greeting.split("\n").find((one) => one.includes("claude mcp add")) ?? "";
    const header = /--header (".*")$/.exec(reader)?.[1];
    expect((await shell(`printf %s ${header}`)).out).toBe(`Authorization: Bearer ${bootstrapKey()}`);
  },
  TIMEOUT_MS,
);

describe("acts of the command line stand in the record as over the API", () => {
  test(
    "through a running gateway, in the organisation they are about",
    async () => {
      await started();
      await call("POST", "/api/admin/organizations", bootstrapKey(), { slug: "acme", name: "Acme" });
      const admin = await run("keys", "create", "--name", "a", "--role", "admin", "--organization", "acme");
      const made = await run("keys", "create", "--name", "laptop", "--permission", "files:*");
      const next = await run("keys", "rotate", made.id ?? "");
      // At once, though a running gateway remembers who called lately.
      expect((await call("GET", "/auth/profile", made.key)).status).toBe(401);
      await run("keys", "revoke", next.id ?? "");
      const [created] = await recorded(`api_key:${made.id}`, 1);
      expect(created).toMatchObject({
        ...{ action: "api_key.create", actor: "cli", status: "ok" },
        detail: { after: { name: "laptop", permissions: ["files:*"], role: "user", status: "active" } },
      });
      const [rotated, revoked] = await recorded(`api_key:${next.id}`, 2);
      expect(rotated).toMatchObject({
        action: "api_key.rotate",
        detail: { before: { id: made.id }, after: { id: next.id } },
      });
      expect(revoked).toMatchObject({ action: "api_key.revoke", detail: { before: { status: "active" } } });
      const acme = await eventually("acme's own record has its key", async () => {
        const { items } = (await call("GET", "/admin/logs?kind=event", admin.key)).json;
        return items.find((item: { target: string }) => item.target === `api_key:${admin.id}`);
      });
      expect(acme).toMatchObject({ action: "api_key.create", actor: "cli" });
      const everything = (await call("GET", "/admin/logs?kind=event&limit=1000", bootstrapKey())).text;
      for (const { key = "" } of [admin, made, next]) expect(everything).not.toContain(key.slice(0, 20));
    },
    TIMEOUT_MS,
  );

  test(
    "a new master key is the installation's, through a running gateway or on the store itself",
    async () => {
      const platform = async (count: number) =>
        eventually(`${count} are recorded`, async () => {
          const path = "/admin/platform/logs?action=master_key.rotate";
          const { items } = (await call("GET", path, bootstrapKey())).json;
          return items.length === count ? items : undefined;
        });
      await run("keys", "rotate", "--master");
      await started();
      const [alone] = await platform(1);
      const report = await run("keys", "rotate", "--master");
      const [through] = await platform(2);
      for (const event of [alone, through])
        expect(event).toMatchObject({ actor: "cli", status: "ok", target: "master_key" });
      expect(through.detail.after).toEqual(report);
      expect(Number(report.resealed)).toBeGreaterThanOrEqual(0);
    },
    TIMEOUT_MS,
  );

  test(
    "on the store itself, where no gateway runs",
    async () => {
      const made = await run("keys", "create", "--name", "alone");
      const { username } = await run("setup-admin", "--username", "grace");
      await run("setup-reset", "--username", "grace");
      await started();
      const [created] = await recorded(`api_key:${made.id}`, 1);
      expect(created).toMatchObject({ actor: "cli", detail: { after: { name: "alone" } } });
      const users = (await call("GET", "/api/admin/users", bootstrapKey())).json.items;
      const { id } = users.find((user: { username: string }) => user.username === username);
      const [first, reset] = await recorded(`user:${id}`, 2);
      expect(first).toMatchObject({ action: "user.create", detail: { after: { platform_admin: true } } });
      expect(reset).toMatchObject({
        action: "user.reset",
        detail: { before: { username }, after: { must_change_password: true } },
      });
      const verified = await shell(
        `bin/mcp-gateway audit verify --data-dir '${dataDir.replace("'", "'\\''")}'`,
      );
      expect(verified.err).toBe("");
      expect(verified.out).toStartWith("Verified:");
    },
    TIMEOUT_MS,
  );
});
