import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { bodyOf, call, headersFor } from "../faults/load.ts";
import { untilConnected } from "../faults/restarted.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { residentBytes } from "./process-figures.ts";
import { type RawAnswer, rawPost } from "./raw-post.ts";
import { type EchoUpstream, fixtureEntry, startEcho } from "./upstreams.ts";

const MIB = 1024 * 1024;
const LIMIT_BYTES = 64 * 1024;
/** By a byte, by a little, by much, and by more than there is. */
const TOO_LARGE = [LIMIT_BYTES + 1, LIMIT_BYTES + 300 * 1024, 4_096 * MIB, 2 ** 53];

describe("a body over the limit", () => {
  let gateway: Gateway;
  let echo: EchoUpstream;
  let key: string;

  beforeAll(async () => {
    echo = await startEcho("modern");
    gateway = await startGateway({
      servers: [fixtureEntry("echo", echo, "streamable-http")],
      anonymous: false,
      settings: { limits: { body: "64KiB" } },
    });
    key = await gateway.mintKey("--name", "caller", "--role", "admin");
    await untilConnected(gateway, ["echo"], key);
  });
  afterAll(async () => {
    await gateway.stop();
    await echo.stop();
  });

  const headers = () => headersFor("tools/call", "echo", key);
  const post = (path: string, more: Record<string, string>, bodyBytes: number) =>
    rawPost({ port: gateway.port, path, headers: { ...headers(), ...more }, bodyBytes });

  const expectJsonRpc = (answer: RawAnswer | undefined) => {
    expect(answer).toMatchObject({ status: 413, contentType: "application/json" });
    expect(JSON.parse(answer?.text ?? "")).toMatchObject({
      jsonrpc: "2.0",
      error: { code: 1003, data: { code: "body_too_large" } },
    });
  };
  const expectProblem = (answer: RawAnswer | undefined) => {
    expect(answer).toMatchObject({ status: 413, contentType: "application/problem+json" });
    expect(JSON.parse(answer?.text ?? "")).toMatchObject({ status: 413, code: "body_too_large" });
  };

  test("declared: refused in the gateway's own words, whatever its size, before it has arrived", async () => {
    for (const declared of TOO_LARGE) {
      const length = { "content-length": String(declared) };
      for (const path of ["/mcp", "/servers/echo/mcp"]) expectJsonRpc(await post(path, length, 1));
      for (const path of ["/auth/login", "/gateway/servers"]) expectProblem(await post(path, length, 1));
    }
  });

  test("chunked: refused when it passes the limit, however much is still to come", async () => {
    const chunked = { "transfer-encoding": "chunked" };
    for (const bytes of [LIMIT_BYTES + 1, LIMIT_BYTES + 300 * 1024, Number.POSITIVE_INFINITY]) {
      for (const path of ["/mcp", "/servers/echo/mcp"]) expectJsonRpc(await post(path, chunked, bytes));
      for (const path of ["/auth/login", "/gateway/servers"]) expectProblem(await post(path, chunked, bytes));
    }
  });

  test("chunked, in pieces of any size: what is within the limit is served", async () => {
    const nonce = "ü€".repeat(1_000);
    const bytes = new TextEncoder().encode(
      bodyOf("tools/call", { name: "echo", arguments: { nonce, ms: 0 } }),
    );
    for (const step of [1, 7, bytes.length]) {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let at = 0; at < bytes.length; at += step) controller.enqueue(bytes.slice(at, at + step));
          controller.close();
        },
      });
      const answer = await fetch(gateway.mcpUrl("echo"), { method: "POST", headers: headers(), body });
      expect([answer.status, (await answer.text()).includes(nonce)]).toEqual([200, true]);
    }
  });

  test("a client that sends everything before it reads gets the refusal too", async () => {
    for (const size of [2 * MIB, 20 * MIB]) {
      const body = "x".repeat(size);
      const answer = await fetch(gateway.mcpUrl("echo"), { method: "POST", headers: headers(), body });
      expect([answer.status, await answer.json()]).toMatchObject([
        413,
        { error: { data: { code: "body_too_large" } } },
      ]);
    }
  });

  test("32 clients without a credential that send 32 MiB each cost the gateway less than one of them sends", async () => {
    const before = residentBytes(gateway.child.pid);
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, residentBytes(gateway.child.pid));
    }, 20);
    const flood = (path: string) =>
      rawPost({
        port: gateway.port,
        path,
        headers: { "content-type": "application/json", "transfer-encoding": "chunked" },
        bodyBytes: 32 * MIB,
        sendsAll: true,
      });
    const answers = await Promise.all(
      Array.from({ length: 32 }, (_, index) => flood(index % 2 === 0 ? "/mcp" : "/auth/login")),
    );
    clearInterval(watch);
    expect(answers.map((answer) => answer?.status)).toEqual(
      answers.map((_, index) => (index % 2 === 0 ? 401 : 413)),
    );
    expect(most - before).toBeLessThan(32 * MIB);
    expect(await call(gateway.mcpUrl("echo"), crypto.randomUUID(), { key })).toMatchObject({ end: "ok" });
  });
});
