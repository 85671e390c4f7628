import type { Outcome, UpstreamCall } from "../../model/call.ts";
import { Cancellation } from "../../model/cancellation.ts";
import type { ChildHost } from "../../model/ports/child-host.ts";
import type { Log } from "../../model/ports/log.ts";
import type { UpstreamStatus } from "../../model/ports/upstream.ts";
import type { HttpConnectionSettings, ServerDefinition } from "../../model/server.ts";
import { Http1Client } from "../../net/http1-client.ts";
import { OutboundGuard } from "../../net/outbound-guard.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import type { JsonRpcNotification } from "../../protocol/jsonrpc.ts";
import { createMcpUpstreams, type McpUpstreamsDeps } from "./mcp-upstreams.ts";
import type { McpUpstream } from "./upstream.ts";

/** Equipment of the upstream tests: a real HTTP client towards real servers on loopback. */
export const silent: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

const noChildren = {
  start() {
    throw new Error("no child processes in this test");
  },
} as unknown as ChildHost;

export function serverDefinition(
  url: string,
  changes: Partial<ServerDefinition> & { readonly http?: Partial<HttpConnectionSettings> } = {},
): ServerDefinition {
  const { http, ...rest } = changes;
  return {
    id: "0192d8a0-0000-5000-8000-000000000001",
    organizationId: "org",
    namespaceId: "ns",
    name: "peer",
    description: "",
    tags: [],
    version: undefined,
    metadata: {},
    connection: { type: "streamable-http", url, auth: undefined, headers: {}, ...http },
    timeoutMs: 5000,
    maxRetries: 3,
    maxConcurrency: 100,
    heartbeatMs: 0,
    refreshIntervalMs: 0,
    sharing: "shared",
    protocol: "auto",
    validate: "off",
    expose: {
      tools: { include: [], exclude: [] },
      resources: { include: [], exclude: [] },
      prompts: { include: [], exclude: [] },
    },
    retry: { safeTools: [], trustAnnotations: false },
    source: "file",
    fingerprint: "1",
    ...rest,
  };
}

export type UpstreamChanges = Parameters<typeof serverDefinition>[1] & {
  readonly deps?: Partial<McpUpstreamsDeps>;
};

/** An upstream and what to close after the test. */
export function makeUpstream(url: string, { deps, ...changes }: UpstreamChanges = {}): McpUpstream {
  const http = new Http1Client(new OutboundGuard(["loopback"]));
  const make = createMcpUpstreams({
    http,
    childHost: noChildren,
    log: silent,
    gatewayInfo: { name: "gateway", version: "1.0.0" },
    ...deps,
  });
  const upstream = make(serverDefinition(url, changes));
  closing.push(async () => {
    await upstream.close();
    http.close();
  });
  return upstream;
}

const closing: (() => unknown)[] = [];
/** For `afterEach`: closes what the test opened, last first. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}
export function alsoClose(close: () => unknown): void {
  closing.push(close);
}

export type CallChanges = Partial<Omit<UpstreamCall, "client">> & {
  readonly client?: Partial<UpstreamCall["client"]>;
};

export interface TestCall extends UpstreamCall {
  readonly heard: JsonRpcNotification[];
}

export function makeCall(method: string, params: JsonObject, changes: CallChanges = {}): TestCall {
  const heard: JsonRpcNotification[] = [];
  const { client, ...rest } = changes;
  return {
    id: "c-1",
    method,
    params,
    exact: false,
    principalId: "key:1",
    wantsProgress: false,
    inputSchema: undefined,
    repeatable: false,
    deadline: Date.now() + 5000,
    cancellation: new Cancellation(),
    notify: (notification) => void heard.push(notification),
    ask: () => Promise.reject(new Error("nobody is asked in this test")),
    ...rest,
    heard,
    client: {
      era: "modern",
      revision: "2026-07-28",
      capabilities: {},
      info: { name: "client", version: "1" },
      logLevel: undefined,
      sessionId: undefined,
      ...client,
    },
  };
}

export function toolCall(name: string, args: JsonObject = {}, changes: CallChanges = {}): TestCall {
  return makeCall("tools/call", { name, arguments: args }, changes);
}

/** The text of a tool's first content block. */
export function textOf(outcome: Outcome): string {
  if (outcome.kind !== "result") throw new Error(`no result but ${JSON.stringify(outcome)}`);
  const content = outcome.result.content as { text?: string }[] | undefined;
  return content?.[0]?.text ?? JSON.stringify(outcome.result);
}

export async function until(what: () => boolean | undefined, timeoutMs = 5000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!what()) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what.toString()}`);
    await Bun.sleep(5);
  }
}

export async function started(upstream: McpUpstream, status: UpstreamStatus = "ready"): Promise<McpUpstream> {
  upstream.start();
  await until(() => upstream.state.status === status);
  return upstream;
}

/** The code of the GatewayError a promise rejects with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    return `no error but ${JSON.stringify(await work)}`;
  } catch (thrown) {
    return (thrown as { code?: string }).code ?? String(thrown);
  }
}

export interface Received {
  readonly method: string | undefined;
  readonly id: unknown;
  readonly params: JsonObject;
  readonly headers: Headers;
  readonly http: string;
  readonly body: JsonObject;
}

/** A server that answers as `handle` says; `undefined` leaves it to the sound answers below. */
export function scripted(
  handle: (received: Received, request: Request) => Response | undefined | Promise<Response | undefined>,
): { readonly url: string; readonly seen: Received[]; stop(): void; readonly port: number } {
  const seen: Received[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const body = (request.method === "POST" ? await request.json() : {}) as JsonObject;
      const received: Received = {
        method: body.method as string | undefined,
        id: body.id,
        params: (body.params ?? {}) as JsonObject,
        headers: request.headers,
        http: request.method,
        body,
      };
      seen.push(received);
      return (await handle(received, request)) ?? sound(received);
    },
  });
  alsoClose(() => server.stop(true));
  const port = server.port as number;
  return { url: `http://127.0.0.1:${port}/mcp`, seen, port, stop: () => server.stop(true) };
}

/** What a modern server with one tool, `echo`, answers. */
export function sound({ method, id, params, http }: Received): Response {
  if (http !== "POST") return new Response(null, { status: 405 });
  if (id === undefined) return new Response(null, { status: 202 });
  switch (method) {
    case "server/discover":
      return answer(id, {
        resultType: "complete",
        supportedVersions: ["2026-07-28"],
        capabilities: { tools: {} },
        ttlMs: 0,
        cacheScope: "public",
      });
    case "tools/list":
      return answer(id, { resultType: "complete", tools: [echoTool], ttlMs: 0, cacheScope: "public" });
    case "tools/call":
      return answer(id, {
        resultType: "complete",
        content: [{ type: "text", text: JSON.stringify(params.arguments ?? null) }],
      });
    default:
      return failure(id, -32601, "Method not found", 404);
  }
}

/** As `sound`, for a legacy server with a session. */
export function soundLegacy(received: Received): Response | undefined {
  const { method, id } = received;
  if (method === "server/discover") return failure(null, -32600, "Bad Request: no session", 400);
  if (method === "initialize") {
    const result = {
      protocolVersion: "2025-06-18",
      capabilities: { tools: {} },
      serverInfo: { name: "old", version: "1" },
    };
    return answer(id, result, { "mcp-session-id": `s-${crypto.randomUUID()}` });
  }
  return undefined;
}

export const echoTool: JsonObject = { name: "echo", inputSchema: { type: "object" } };

export function answer(id: unknown, result: JsonObject, headers: Record<string, string> = {}): Response {
  return Response.json({ jsonrpc: "2.0", id, result }, { headers });
}
export function failure(
  id: unknown,
  code: number,
  message: string,
  status = 200,
  data?: JsonObject,
): Response {
  return Response.json({ jsonrpc: "2.0", id, error: { code, message, ...(data && { data }) } }, { status });
}

export interface EventStream {
  readonly response: Response;
  send(message: unknown, fields?: string): void;
  raw(text: string): void;
  end(): void;
}
/** A stream the test writes to. */
export function eventStream(headers: Record<string, string> = {}): EventStream {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    start(made) {
      controller = made;
    },
  });
  const raw = (text: string) => controller.enqueue(encoder.encode(text));
  return {
    response: new Response(stream, { headers: { "content-type": "text/event-stream", ...headers } }),
    raw,
    send: (message, fields = "") => raw(`${fields}data: ${JSON.stringify(message)}\n\n`),
    end: () => controller.close(),
  };
}
