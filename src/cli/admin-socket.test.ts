import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileSchema } from "../config/schema.ts";
import { toSettings } from "../config/to-settings.ts";
import { adminSocketHandler } from "../server/admin-socket.ts";
import { type LocalActs, openLocalActs } from "../server/operated-store.ts";
import { AdminSocket } from "./admin-socket.ts";

let folder: string;
let path: string;
let acts: LocalActs;
let listener: ReturnType<typeof Bun.serve>;
let reloads = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gateway-socket-"));
  const context = {
    mode: "test",
    configPath: undefined,
    workingDir: folder,
    generatedKey: undefined,
  } as const;
  const settings = toSettings(fileSchema.parse({}), context);
  acts = await openLocalActs(settings);
  path = join(folder, "admin.sock");
  const handler = adminSocketHandler({
    ...acts,
    reload: async () => {
      reloads += 1;
    },
    status: () => ({ version: "1" }),
  });
  listener = Bun.serve({ unix: path, fetch: handler });
});
afterAll(async () => {
  await listener.stop(true);
  await acts.close();
  rmSync(folder, { recursive: true });
});

async function connected(): Promise<AdminSocket> {
  const socket = await AdminSocket.connect(path);
  if (!socket) throw new Error("no gateway found");
  return socket;
}

test("no gateway: no socket file, or one that a killed gateway left", async () => {
  expect(await AdminSocket.connect(join(folder, "absent.sock"))).toBeUndefined();
  const left = join(folder, "left.sock");
  const killed = Bun.spawn([
    process.execPath,
    "-e",
    `Bun.serve({ unix: ${JSON.stringify(left)}, fetch: () => new Response() }); process.kill(process.pid, "SIGKILL")`,
  ]);
  await killed.exited;
  expect(await AdminSocket.connect(left)).toBeUndefined();
  writeFileSync(join(folder, "file.sock"), "");
  expect(await AdminSocket.connect(join(folder, "file.sock"))).toBeUndefined();
});

test("the acts on keys pass through the socket unchanged", async () => {
  const socket = await connected();
  expect(await socket.status()).toEqual({ version: "1" });
  const issued = await socket.keys.create({
    name: "a",
    type: "a2a",
    role: "api_user",
    permissions: ["files:*"],
    organization: "default",
    namespace: undefined,
    platformAdmin: true,
    lifetimeMs: 60_000,
  });
  expect(issued).toMatchObject({ type: "a2a", role: "api_user", platform_admin: true, namespace: null });
  const replaced = await socket.keys.rotate("default", issued.id);
  expect(replaced.key).not.toBe(issued.key);
  await socket.keys.revoke("default", replaced.id);
  const statuses = (await socket.keys.list("default"))
    .filter((key) => key.name === "a")
    .map((key) => key.status);
  expect(statuses).toEqual(["revoked", "revoked"]);
  expect(await socket.reseal()).toMatchObject({ unreadable: 0 });
});

test("a refusal reaches the user in its own words", async () => {
  const socket = await connected();
  expect(socket.keys.revoke("default", "nothing")).rejects.toThrow('there is no key "nothing"');
});

test.each([
  ["GET", "/keys/list", undefined, 405],
  ["POST", "/nothing", "{}", 404],
  ["POST", "/keys/list", "{", 400],
  ["POST", "/keys/list", '{"organisation": 1}', 400],
  ["POST", "/keys/create", '{"name": ""}', 400],
  ["POST", "/keys/list", "x".repeat(70_000), 413],
])("%s %s with %p is %d", async (method, route, body, status) => {
  const init = body === undefined ? { method } : { method, body };
  const response = await fetch(`http://gateway${route}`, { unix: path, ...init });
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ error: { message: expect.any(String) } });
});

test("reload", async () => {
  await fetch("http://gateway/reload", { unix: path, method: "POST" });
  expect(reloads).toBe(1);
});
