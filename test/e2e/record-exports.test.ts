import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { newPerson, request, toolCall } from "./administration.ts";
import { eventually } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 90_000;
/** More than an export once had, and several megabytes more than sockets hold. */
const CALLS = 100_500;

let upstream: Upstream;
let gateway: Gateway;
let operator: string;

const call = (method: string, path: string, key = operator, body?: unknown) =>
  request(gateway.origin, method, path, key, body);
const lines = (text: string) => text.trim().split("\n");

/** Calls as the drain wrote the first, again and again a millisecond earlier. */
function multiply(): void {
  using file = new Database(join(gateway.folder, "data/gateway.db"));
  file.run("PRAGMA busy_timeout = 10000");
  const names = file
    .query<{ name: string }, []>("select name from pragma_table_info('request_logs') where name <> 'place'")
    .all()
    .map(({ name }) => name);
  const values = names.map((name) => {
    if (name === "started_at") return "started_at - n.value";
    return name === "chain_seq" ? "chain_seq + 1000000 + n.value" : name;
  });
  file.run(`insert into request_logs (${names.join()}) select ${values.join()} from (select * from request_logs limit 1),
    (with recursive n(value) as (select 1 union all select value + 1 from n where value < ${CALLS - 1}) select value from n) n`);
}

beforeAll(async () => {
  upstream = await startFixture("both");
  gateway = await startGateway({
    servers: [fixtureEntry("filed", upstream, "streamable-http")],
    anonymous: false,
  });
  operator = await bootstrapKey(gateway);
  await toolCall(gateway.origin, "/servers/filed/mcp", operator, "test_echo", { nonce: "1" });
  await eventually("the call is in the store", async () =>
    (await call("GET", "/admin/logs?status=ok")).json.items.length === 1 ? true : undefined,
  );
  multiply();
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
}, TIMEOUT_MS);

test(
  "an export is the whole of what matches, each once, newest first, and a file with a name",
  async () => {
    const { text, headers } = await call("GET", "/admin/logs?target=test_echo&format=jsonl");
    const items = lines(text).map((line) => JSON.parse(line) as { at: string; chain_sequence: number });
    expect(items).toHaveLength(CALLS);
    expect(new Set(items.map((item) => item.chain_sequence)).size).toBe(CALLS);
    expect(items.every(({ at }, n) => n === 0 || at <= (items[n - 1]?.at ?? ""))).toBe(true);
    expect(headers.get("content-disposition")).toMatch(/^attachment; filename="calls-\d{8}T\d{6}Z\.jsonl"$/);
  },
  TIMEOUT_MS,
);

test("an export ends where its limit says, and begins at a cursor", async () => {
  const some = await call("GET", "/admin/logs?format=jsonl&limit=2500");
  expect(lines(some.text)).toHaveLength(2_500);
  const csv = await call("GET", "/admin/logs?format=csv&limit=3");
  expect(lines(csv.text)).toHaveLength(4);
  expect(csv.headers.get("content-disposition")).toContain(".csv");
  const page = (await call("GET", "/admin/logs?limit=2")).json;
  const rest = await call("GET", `/admin/logs?format=jsonl&limit=1&cursor=${page.next_cursor}`);
  expect(JSON.parse(rest.text).chain_sequence).toBe(JSON.parse(lines(some.text)[2] ?? "").chain_sequence);
  const contents = await call("GET", "/admin/logs?format=jsonl&contents=true&limit=45");
  expect(lines(contents.text)).toHaveLength(45);
  const long = await call("GET", "/admin/logs?limit=1001");
  expect([long.status, long.json.detail]).toEqual([400, expect.stringContaining("limit")]);
});

test("what a caller named stays text where a semicolon separates cells", async () => {
  const name = 'x;=HYPERLINK("http://127.0.0.1")';
  const made = await call("POST", "/policies", operator, {
    name,
    effect: "allow",
    subjects: ["user:nobody"],
  });
  expect(made.status).toBe(201);
  const path = `/admin/logs?kind=event&action=policy.create&target=policy:${made.json.id}`;
  await eventually("it is in the record", async () =>
    (await call("GET", path)).json.items.length === 1 ? true : undefined,
  );
  const csv = (await call("GET", `${path}&format=csv`)).text;
  expect(csv).toContain(";'=HYPERLINK(");
  expect(csv).not.toContain(";=");
  expect((await call("GET", `${path}&format=jsonl`)).text).toContain(";=HYPERLINK(");
});

interface Reader {
  readonly socket: Socket;
  /** What has come, and whether the last of it is the end of a whole answer. */
  readonly came: () => { readonly bytes: number; readonly isWhole: boolean; readonly isClosed: boolean };
}
/** Asks for everything, and reads no more than sockets hold until it is resumed. */
function stalled(key: string, more = ""): Reader {
  let bytes = 0;
  let tail = "";
  let isClosed = false;
  const socket = connect(gateway.port, "127.0.0.1", () => {
    socket.write(
      `GET /admin/logs?format=jsonl${more} HTTP/1.1\r\nHost: localhost:${gateway.port}\r\nAuthorization: Bearer ${key}\r\n\r\n`,
    );
  });
  socket.on("data", (chunk) => {
    bytes += chunk.length;
    tail = (tail + chunk.toString("latin1")).slice(-7);
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    isClosed = true;
  });
  socket.once("data", () => socket.pause());
  return { socket, came: () => ({ bytes, isWhole: tail.endsWith("\r\n0\r\n\r\n"), isClosed }) };
}
/** MiB. */
function residentOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
}

test(
  "a reader that pauses holds neither memory nor calls up, and gets everything in the end",
  async () => {
    const { pid } = gateway.child;
    const reader = stalled(operator);
    await eventually("it has begun", async () => (reader.came().bytes > 0 ? true : undefined));
    await Bun.sleep(500);
    const before = residentOf(pid);
    await Bun.sleep(3_000);
    // The rest is 60 MiB.
    expect(residentOf(pid) - before).toBeLessThan(20);
    const answered = await toolCall(gateway.origin, "/servers/filed/mcp", operator, "test_echo", {
      nonce: "2",
    });
    expect(answered.status).toBe(200);
    reader.socket.resume();
    await eventually("all has come", async () => (reader.came().isWhole ? true : undefined), {
      timeoutMs: 30_000,
    });
    expect(reader.came().bytes).toBeGreaterThan(CALLS * 400);
    reader.socket.destroy();
  },
  TIMEOUT_MS,
);

test(
  "of one organisation eight exports at once: what its readers do not take is bounded, and others have theirs",
  async () => {
    await call("POST", "/api/admin/organizations", operator, { slug: "other", name: "Other" });
    const other = await gateway.mintKey("--name", "o", "--role", "admin", "--organization", "other");
    const readers = Array.from({ length: 8 }, () => stalled(operator));
    for (const { came } of readers)
      await eventually("it has begun", async () => (came().bytes > 0 ? true : undefined));
    const more = (key: string) => call("GET", "/admin/logs?format=csv&limit=1", key);
    const refused = await more(operator);
    expect([refused.status, refused.json.code]).toEqual([503, "overloaded"]);
    expect((await call("GET", "/admin/logs?limit=1")).status).toBe(200);
    expect((await more(other)).status).toBe(200);
    for (const { socket } of readers) socket.destroy();
    await eventually("there is room again", async () =>
      (await more(operator)).status === 200 ? true : undefined,
    );
  },
  TIMEOUT_MS,
);

test(
  "an export of a key that is revoked ends at once, and not as if it were whole",
  async () => {
    const made = (await call("POST", "/auth/api-keys", operator, { name: "reader", role: "admin" })).json;
    const reader = stalled(made.key);
    await eventually("it has begun", async () => (reader.came().bytes > 0 ? true : undefined));
    expect((await call("DELETE", `/auth/api-keys/${made.id}`)).status).toBe(204);
    await Bun.sleep(1_000);
    reader.socket.resume();
    await eventually("it is closed", async () => (reader.came().isClosed ? true : undefined));
    expect(reader.came().isWhole).toBe(false);
    expect(reader.came().bytes).toBeLessThan(CALLS * 200);
  },
  TIMEOUT_MS,
);

test(
  "an export in another organisation ends with the right to be there, whatever is left to its caller",
  async () => {
    await call("POST", "/api/admin/organizations", operator, { slug: "acme", name: "Acme" });
    const ruler = await gateway.mintKey(
      ...["--name", "r", "--role", "admin", "--organization", "acme", "--platform-admin"],
    );
    const { id, access } = await newPerson(gateway.origin, ruler, {
      ...{ organization: "acme", username: "ada", role: "admin", platform_admin: true },
    });
    const reader = stalled(access, "&organization=default");
    await eventually("it has begun", async () => (reader.came().bytes > 0 ? true : undefined));
    const path = `/api/admin/users/${id}`;
    expect((await call("PUT", path, ruler, { platform_admin: false })).json.role).toBe("admin");
    await Bun.sleep(1_000);
    reader.socket.resume();
    await eventually("it is closed", async () => (reader.came().isClosed ? true : undefined));
    expect([reader.came().isWhole, reader.came().bytes < CALLS * 200]).toEqual([false, true]);
  },
  TIMEOUT_MS,
);

test(
  "a client that waits for us may wait for long; one we wait for may not",
  async () => {
    using silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    const reader = stalled(operator);
    await eventually("it has begun", async () => (reader.came().bytes > 0 ? true : undefined));
    const url = `http://127.0.0.1:${silent.port}/mcp`;
    const began = performance.now();
    const body = { name: "silent", type: "streamable-http", url, timeout_seconds: 60 };
    const [{ status, json }] = await Promise.all([
      call("POST", "/gateway/servers/test", operator, body),
      Bun.sleep(18_000),
    ]);
    expect([status, json?.ok]).toEqual([200, false]);
    expect(performance.now() - began).toBeGreaterThan(14_000);
    reader.socket.resume();
    await eventually("it is closed", async () => (reader.came().isClosed ? true : undefined));
    expect([reader.came().isWhole, reader.came().bytes < CALLS * 200]).toEqual([false, true]);
  },
  TIMEOUT_MS,
);

test("nothing of these is an error of the gateway", () => {
  expect(gateway.logs()).not.toMatch(/^\d\d:\d\d:\d\d error |unhandled|error: /m);
});
