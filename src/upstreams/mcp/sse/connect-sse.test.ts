import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import {
  channelContext,
  failure,
  Observer,
  serverDefinition,
  testCall,
  tool,
  until,
} from "../../../../test/fixtures/children/harness.ts";
import type { HttpConnectionSettings, ServerDefinition } from "../../../model/server.ts";
import { Http1Client } from "../../../net/http1-client.ts";
import { OutboundGuard } from "../../../net/outbound-guard.ts";
import type { ChannelSettings } from "../channel/settings.ts";
import type { Connection } from "../connection.ts";
import { connectSse } from "./connect-sse.ts";

const root = resolve(import.meta.dir, "../../../..");
const http = new Http1Client(new OutboundGuard(["loopback"]));
let fixture: Bun.Subprocess<"pipe", "pipe", "inherit">;
let fixtureUrl = "";
let cleanup: (() => unknown)[] = [];

beforeAll(async () => {
  fixture = Bun.spawn([process.execPath, `${root}/test/fixtures/everything.ts`, "--transport", "sse"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const line = new TextDecoder().decode((await fixture.stdout.getReader().read()).value);
  fixtureUrl = (JSON.parse(line) as { url: string }).url;
});
afterEach(async () => {
  for (const step of cleanup.reverse()) await step();
  cleanup = [];
});
afterAll(async () => {
  fixture.kill();
  await fixture.exited;
  http.close();
});

async function connect(
  url: string,
  about: {
    observer?: Observer;
    settings?: Partial<HttpConnectionSettings>;
    server?: Partial<ServerDefinition>;
    bounds?: Partial<ChannelSettings>;
  } = {},
): Promise<{ connection: Connection; observer: Observer }> {
  const observer = about.observer ?? new Observer();
  const server = serverDefinition(
    { type: "sse", url, auth: undefined, headers: {}, ...about.settings },
    about.server,
  );
  const context = {
    ...channelContext({ controlTimeoutMs: 2_000, ...about.bounds }),
    http,
    userAgent: "gateway-test",
  };
  const connection = await connectSse(server, observer.request, {}, context);
  cleanup.push(() => connection.close());
  return { connection, observer };
}

interface Scripted {
  readonly url: string;
  readonly requests: { method: string; path: string; headers: Headers; body: string }[];
  push(text: string): void;
  end(): void;
}

/** A server whose stream says what a test wants; initialize is answered unless told otherwise. */
function scripted(
  about: { endpoint?: string; get?: () => Response; post?: number; mute?: boolean } = {},
): Scripted {
  const requests: Scripted["requests"] = [];
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const push = (text: string) => controller?.enqueue(new TextEncoder().encode(text));
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { method, headers, url } = request;
      const body = await request.text();
      requests.push({ method, path: new URL(url).pathname, headers, body });
      if (method === "GET") {
        if (about.get) return about.get();
        const stream = new ReadableStream<Uint8Array>({
          start(made) {
            controller = made;
            if (!about.mute) push(`event: endpoint\ndata: ${about.endpoint ?? "post?s=1"}\n\n`);
            else push(": nothing yet\n\n");
          },
        });
        return new Response(stream, { headers: { "content-type": "text/event-stream" } });
      }
      const { id, method: called } = JSON.parse(body) as { id?: number; method: string };
      if (called === "initialize") {
        const result = {
          protocolVersion: "2025-06-18",
          capabilities: {},
          serverInfo: { name: "s", version: "1" },
        };
        push(`event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", id, result })}\n\n`);
      } else if (about.post !== undefined && id !== undefined)
        return new Response("no", { status: about.post });
      else if (called === "ping") push(`data: {"jsonrpc":"2.0","id":${id},"result":{}}\n\n`);
      return new Response("Accepted", { status: 202 });
    },
  });
  cleanup.push(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}/base/sse`, requests, push, end: () => controller?.close() };
}

describe("a real server", () => {
  test("lists, calls, progress and log messages", async () => {
    const { connection } = await connect(fixtureUrl);
    expect(connection).toMatchObject({ era: "legacy", revision: "2025-11-25" });
    expect((await connection.request(testCall("tools/list", {}))).kind).toBe("result");
    const call = tool("test_tool_with_progress", {}, { wantsProgress: true });
    expect((await connection.request(call)).kind).toBe("result");
    expect(call.notified.map((one) => one.params?.progress)).toEqual([0, 50, 100]);
    await connection.ping(1_000);
  });

  test("a question reaches the call and its answer the server", async () => {
    const capabilities = { elicitation: { form: {} } };
    const { connection } = await connect(fixtureUrl, { observer: new Observer(capabilities) });
    const call = tool("test_elicitation", { message: "hi" }, { capabilities, answer: { action: "decline" } });
    const outcome = await connection.request(call);
    expect(call.asked).toHaveLength(1);
    expect(JSON.stringify(outcome)).toContain("decline");
  });
});

describe("the stream and its endpoint", () => {
  test("messages go to the endpoint, resolved against the stream's URL, with credential and revision", async () => {
    const server = scripted();
    const { connection } = await connect(server.url, {
      settings: { auth: { header: "Authorization", value: "Bearer s3" }, headers: { "X-Team": "a" } },
    });
    await connection.ping(1_000);
    for (const request of server.requests) {
      expect(request.headers.get("authorization")).toBe("Bearer s3");
      expect(request.headers.get("x-team")).toBe("a");
    }
    const posts = server.requests.filter((request) => request.method === "POST");
    expect(posts.map((request) => request.path)).toEqual(["/base/post", "/base/post", "/base/post"]);
    expect(posts.map((request) => request.headers.get("mcp-protocol-version"))).toEqual([
      null,
      "2025-06-18",
      "2025-06-18",
    ]);
  });

  test.each(["http://127.0.0.1:1/post", "https://127.0.0.1/post", "//evil.example/post", "http://[bad"])(
    "an endpoint of another origin is refused: %s",
    async (endpoint) => {
      const server = scripted({ endpoint });
      const failed = await failure(connect(server.url));
      expect(failed).toMatchObject({
        code: "upstream_protocol_error",
        reason: "the endpoint it named is not of its own origin",
      });
      expect(server.requests.filter((request) => request.method === "POST")).toEqual([]);
    },
  );

  test("a stream that names no endpoint times out", async () => {
    const failed = await failure(
      connect(scripted({ mute: true }).url, { bounds: { controlTimeoutMs: 200 } }),
    );
    expect(failed.code).toBe("upstream_timeout");
  });

  test.each([
    [() => new Response("no", { status: 401 }), "upstream_refused", "HTTP 401 to GET"],
    [
      () => new Response("moved", { status: 302, headers: { location: "/x" } }),
      "upstream_refused",
      "HTTP 302 to GET",
    ],
    [() => new Response("<html>"), "upstream_protocol_error", "the answer to GET is no event stream"],
    [
      () => new Response("", { headers: { "content-type": "text/event-stream" } }),
      "upstream_protocol_error",
      "the server ended the event stream before it named an endpoint",
    ],
  ])("an answer that is no such stream fails with its reason (%#)", async (get, code, reason) => {
    expect(await failure(connect(scripted({ get }).url))).toMatchObject({ code, reason });
  });

  test("a server that is not there is unreachable", async () => {
    expect((await failure(connect("http://127.0.0.1:1/sse"))).code).toBe("upstream_unreachable");
  });

  test("an address the guard refuses is never dialled", async () => {
    expect((await failure(connect("http://10.0.0.1/sse"))).code).toBe("upstream_unreachable");
  });

  test("the modern era cannot be forced on it", async () => {
    const failed = await failure(connect(fixtureUrl, { server: { protocol: "modern" } }));
    expect(failed.code).toBe("upstream_protocol_error");
  });
});

describe("a connection in use", () => {
  test("the end of the stream fails calls under way and is reported once", async () => {
    const server = scripted();
    const { connection, observer } = await connect(server.url);
    const running = failure(connection.request(tool("x")));
    await until(() => server.requests.some((request) => request.body.includes("tools/call")));
    server.end();
    expect((await running).code).toBe("upstream_lost");
    expect(observer.losses).toEqual([{ reason: "the server ended the event stream", orderly: true }]);
    expect((await failure(connection.request(tool("x")))).code).toBe("upstream_lost");
  });

  test("a refused POST fails its call alone; an unknown session ends the connection", async () => {
    const busy = await connect(scripted({ post: 500 }).url);
    expect((await failure(busy.connection.request(tool("x")))).code).toBe("upstream_refused");
    expect(busy.observer.losses).toEqual([]);
    const gone = await connect(scripted({ post: 404 }).url);
    expect((await failure(gone.connection.request(tool("x")))).code).toMatch(/upstream_(refused|lost)/);
    expect(gone.observer.losses).toEqual([{ reason: "the session ended (HTTP 404)", orderly: true }]);
  });

  test("a call that is not answered fails at its deadline and is cancelled upstream", async () => {
    const server = scripted();
    const { connection } = await connect(server.url);
    expect((await failure(connection.request(tool("x", {}, { timeoutMs: 200 })))).code).toBe(
      "upstream_timeout",
    );
    await until(() => server.requests.some((request) => request.body.includes("notifications/cancelled")));
  });

  test("an event past the bound breaks the stream", async () => {
    const server = scripted();
    const { observer } = await connect(server.url, { bounds: { messageBytesMax: 10_000 } });
    server.push(`data: ${"x".repeat(20_000)}\n\n`);
    await until(() => observer.losses.length > 0);
    expect(observer.losses[0]?.reason).toContain("exceeds 10000 bytes");
  });

  test("closing drops the stream and reports no loss", async () => {
    const server = scripted();
    const { connection, observer } = await connect(server.url);
    await connection.close();
    server.push("data: {}\n\n");
    await Bun.sleep(50);
    expect(observer.losses).toEqual([]);
  });
});
