import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { bodyOf, call, headersFor } from "../faults/load.ts";
import { untilConnected } from "../faults/restarted.ts";
import { eventually } from "./child.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { RawSession } from "./raw-session.ts";
import { type EchoUpstream, fixtureEntry, startEcho } from "./upstreams.ts";

const BODY_BYTES_MAX = 64 * 1024;
/** Revisions a client may name, and whether an error for them may go without an id; else it is JSON-RPC's null. */
const NAMED: readonly [string | undefined, "absent" | "null"][] = [
  ["2026-07-28", "absent"],
  ["2025-11-25", "absent"],
  ["2025-06-18", "null"],
  ["2025-03-26", "null"],
  [undefined, "null"],
];
const ID = "the-request's-own-id";

let echo: EchoUpstream;
beforeAll(async () => {
  echo = await startEcho("modern");
});
afterAll(() => echo.stop());

interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | ReadableStream<Uint8Array>;
}

/** Status, and the id of the JSON-RPC error in the answer: its value, `null`, or "absent". */
async function refused(gateway: Gateway, key: string, sent: Sent): Promise<[number, unknown]> {
  const headers = new Headers(headersFor("tools/call", "echo", key));
  for (const [name, value] of Object.entries(sent.headers ?? {})) {
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  }
  const { path = "/servers/echo/mcp", method = "POST" } = sent;
  const body = sent.body ?? bodyOf("tools/call", { name: "echo", arguments: { nonce: "n", ms: 0 } }, ID);
  const answer = await fetch(gateway.origin + path, { method, headers, body });
  const text = await answer.text();
  expect([answer.headers.get("content-type"), text]).toEqual([
    "application/json",
    expect.stringContaining('"error"'),
  ]);
  if (answer.status === 429 || answer.status === 503)
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  const message = JSON.parse(text) as Record<string, unknown>;
  expect(message).toMatchObject({
    jsonrpc: "2.0",
    error: { code: expect.any(Number), message: expect.any(String) },
  });
  return [answer.status, "id" in message ? message.id : "absent"];
}

/** The same refusal to a client of every revision. */
async function expectUnread(gateway: Gateway, key: string, status: number, sent: Sent): Promise<void> {
  for (const [revision, id] of NAMED) {
    const headers = { ...sent.headers, "mcp-protocol-version": revision };
    const body = typeof sent.body === "object" ? endless() : sent.body;
    const answer = await refused(gateway, key, { ...sent, headers, ...(body !== undefined && { body }) });
    expect([revision, ...answer]).toEqual([revision, status, id === "null" ? null : id]);
  }
}

function endless(): ReadableStream<Uint8Array> {
  let left = BODY_BYTES_MAX + 1;
  return new ReadableStream({
    pull(controller) {
      if (left > 0) controller.enqueue(new Uint8Array(Math.min(left, 8_192)).fill(32));
      else controller.close();
      left -= 8_192;
    },
  });
}

describe("the id in a refusal", () => {
  let gateway: Gateway;
  let key: string;
  beforeAll(async () => {
    gateway = await startGateway({
      servers: [fixtureEntry("echo", echo, "streamable-http")],
      anonymous: false,
      settings: { limits: { body: "64KiB", streams: 1, failed_auth_per_minute: 1_000 } },
    });
    key = await gateway.mintKey("--name", "caller", "--role", "admin");
    await untilConnected(gateway, ["echo"], key);
  });
  afterAll(() => gateway.stop());

  const unread: readonly [string, number, Sent][] = [
    ["a foreign Origin", 403, { headers: { origin: "https://evil.example" } }],
    ["no credential", 401, { headers: { authorization: undefined } }],
    ["a wrong credential", 401, { headers: { authorization: "Bearer mgw_wrong" } }],
    ["a declared length over the limit", 413, { body: " ".repeat(BODY_BYTES_MAX + 1) }],
    ["a chunked body over the limit", 413, { body: endless() }],
    ["another content type", 415, { headers: { "content-type": "text/plain" } }],
    ["a server that is not there", 404, { path: "/servers/absent/mcp" }],
    ["another method", 405, { method: "PUT" }],
  ];
  for (const [name, status, sent] of unread)
    test(`${name}: ${status}, nobody has read an id`, () => expectUnread(gateway, key, status, sent));

  test("a foreign Host: 403, nobody has read an id", async () => {
    await expectUnread(gateway, key, 403, { headers: { host: "evil.example" } });
  });

  test("a body without a readable id: 400, and none is made up", async () => {
    for (const body of [
      '{"id":"x",',
      "[]",
      '"text"',
      '{"id":"a","id":"b"}',
      `{"jsonrpc":"2.0","id":{},"method":"tools/call"}`,
    ])
      await expectUnread(gateway, key, 400, { body });
  });

  test("a request that was read carries its id, 2026-07-28", async () => {
    const modern = async (
      status: number,
      method: string,
      params: Record<string, unknown>,
      headers: Sent["headers"] = {},
    ) => {
      const body = bodyOf(method, params, ID);
      const named = { "mcp-method": method, "mcp-name": undefined, ...headers };
      expect([method, ...(await refused(gateway, key, { body, headers: named }))]).toEqual([
        method,
        status,
        ID,
      ]);
    };
    await modern(404, "tools/unknown", {});
    await modern(400, "tools/call", {});
    await modern(400, "tools/call", { name: "echo", arguments: {} }, { "mcp-name": "another" });
    await modern(400, "subscriptions/listen", { notifications: 5 });
    await modern(406, "subscriptions/listen", { notifications: {} }, { accept: "application/json" });
    const held = await fetch(gateway.mcpUrl("echo"), {
      method: "POST",
      headers: headersFor("subscriptions/listen", undefined, key),
      body: bodyOf("subscriptions/listen", { notifications: { toolsListChanged: true } }),
    });
    await modern(503, "subscriptions/listen", { notifications: { toolsListChanged: true } });
    await held.body?.cancel();
  });

  test("a request that was read carries its id, older revisions", async () => {
    for (const revision of ["2025-11-25", "2025-06-18", undefined]) {
      const older = (status: number, method: string, session: string | undefined, params: object = {}) => {
        const body = JSON.stringify({ jsonrpc: "2.0", id: ID, method, params });
        const headers = { "mcp-protocol-version": revision, "mcp-session-id": session };
        return refused(gateway, key, { body, headers }).then((answer) =>
          expect(answer).toEqual([status, ID]),
        );
      };
      await older(400, "tools/list", undefined);
      await older(404, "tools/list", "mgs_unknown");
    }
  });
});

test("limits: at the door nobody has read an id, behind it the request's own is told", async () => {
  await using gateway = await startGateway({
    servers: [fixtureEntry("echo", echo, "streamable-http")],
    anonymous: false,
    settings: {
      server: { trusted_proxies: ["127.0.0.1/32"] },
      limits: { failed_auth_per_minute: 2 },
      rate_limits: {
        rules: [
          { name: "per-key", per: ["key"], limit: 1, window: "1h" },
          { name: "per-ip", per: ["ip"], limit: 8, window: "1h" },
        ],
      },
    },
  });
  const key = await gateway.mintKey("--name", "caller", "--role", "admin");
  await untilConnected(gateway, ["echo"], key);
  const from = (address: string, more: Sent["headers"] = {}) => ({
    headers: { "x-forwarded-for": address, ...more },
  });
  await call(gateway.mcpUrl("echo"), crypto.randomUUID(), { key });
  expect(await refused(gateway, key, from("198.51.100.1"))).toEqual([429, ID]);
  const wrong = from("203.0.113.5", { authorization: "Bearer mgw_wrong" });
  for (let n = 0; n < 2; n++) await refused(gateway, key, wrong);
  await expectUnread(gateway, key, 429, wrong);
  for (let n = 0; n < 8; n++)
    await refused(gateway, key, from("203.0.113.9", { "content-type": "text/plain" }));
  await expectUnread(gateway, key, 429, from("203.0.113.9"));
});

test("a gateway with too much to do, or about to end: 503, nobody has read an id", async () => {
  await using gateway = await startGateway({
    servers: [fixtureEntry("echo", echo, "streamable-http")],
    settings: { limits: { concurrent_requests: 2 }, server: { shutdown: { drain: "5s" } } },
  });
  await untilConnected(gateway, ["echo"]);
  const held = [1, 2].map(() => call(gateway.mcpUrl("echo"), crypto.randomUUID(), { ms: 2_000 }));
  await eventually("both are under way", async () =>
    (await refused(gateway, "", {}))[0] === 503 ? true : undefined,
  );
  await expectUnread(gateway, "", 503, {});
  gateway.child.kill("SIGTERM");
  await eventually("it refuses new work", async () =>
    (await fetch(`${gateway.origin}/ready`)).status === 503 ? true : undefined,
  );
  await expectUnread(gateway, "", 503, {});
  expect((await Promise.all(held)).map(({ end }) => end)).toEqual(["ok", "ok"]);
});

test("in a session, a call refused by a limit carries its id", async () => {
  await using gateway = await startGateway({
    servers: [fixtureEntry("echo", echo, "streamable-http")],
    settings: { rate_limits: { rules: [{ name: "tool", per: ["tool"], limit: 1, window: "1h" }] } },
  });
  await untilConnected(gateway, ["echo"]);
  const session = await RawSession.open(gateway.mcpUrl("echo"));
  const ask = () => session.request("tools/call", { name: "echo", arguments: { nonce: "n", ms: 0 } }, ID);
  expect(await ask()).toMatchObject({ id: ID, result: {} });
  expect(await ask()).toMatchObject({ id: ID, error: { data: { code: "rate_limited" } } });
});
