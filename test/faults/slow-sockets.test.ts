import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { type Gateway, startGateway } from "../e2e/gateway.ts";
import { type EchoUpstream, fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { bodyOf, call, headersFor } from "./load.ts";
import { untilConnected } from "./restarted.ts";

const CLOSED_WITHIN_MS = 15_000;
const BODY_BYTES_MAX = 64 * 1024;

describe("clients that are slow, large or unknown", () => {
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
    key = await gateway.mintKey("--name", "load", "--role", "admin");
  });
  afterAll(async () => {
    await gateway.stop();
    await echo.stop();
  });

  function opened(text: string): { readonly socket: Socket; closed(): Promise<string> } {
    const socket = connect(gateway.port, "127.0.0.1", () => socket.write(text));
    let got = "";
    socket.on("data", (bytes) => {
      got += bytes.toString("latin1");
    });
    socket.on("error", () => undefined);
    return {
      socket,
      closed: () =>
        new Promise((resolve) => {
          if (socket.destroyed) resolve(got);
          else socket.once("close", () => resolve(got));
        }),
    };
  }
  function requestHead(headers: Readonly<Record<string, string | number>>): string {
    const all = { host: `localhost:${gateway.port}`, ...headersFor("tools/call", "echo", key), ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    return `POST /servers/echo/mcp HTTP/1.1\r\n${lines.join("")}\r\n`;
  }

  test("sockets that do not finish their request are closed within 15 s, drip by drip or silent", async () => {
    const startedAt = performance.now();
    const head = requestHead({ "content-length": 1_000 });
    const silent = opened("");
    const partialHead = opened("POST /mcp HTTP/1.1\r\nhost: local");
    const partialBody = opened(`${head}{"jsonrpc":`);
    const drippingHead = opened("POST /mcp HTTP/1.1\r\n");
    const drippingBody = opened(`${head}{`);
    const drip = setInterval(() => {
      drippingHead.socket.write("x-a: b\r\n");
      drippingBody.socket.write(" ");
    }, 1_000);
    try {
      const all = { silent, partialHead, partialBody, drippingHead, drippingBody };
      const left = new Set(Object.keys(all));
      const closings = Object.entries(all).map(async ([name, one]) => {
        await one.closed();
        left.delete(name);
      });
      await Promise.race([Promise.all(closings), Bun.sleep(CLOSED_WITHIN_MS)]);
      for (const one of Object.values(all)) one.socket.destroy();
      expect([...left]).toEqual([]);
      expect(performance.now() - startedAt).toBeLessThan(CLOSED_WITHIN_MS + 500);
      expect((await echo.seen()).calls).toBe(0);
    } finally {
      clearInterval(drip);
    }
  }, 20_000);

  test("a body over the limit is refused with 413, declared or chunked", async () => {
    await untilConnected(gateway, ["echo"], key);
    const large = bodyOf("tools/call", {
      name: "echo",
      arguments: { nonce: "n".repeat(BODY_BYTES_MAX + 10_000) },
    });
    const url = gateway.mcpUrl("echo");
    const headers = headersFor("tools/call", "echo", key);
    const declared = await fetch(url, { method: "POST", headers, body: large });
    expect(declared.status).toBe(413);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(large));
        controller.close();
      },
    });
    const chunked = await fetch(url, { method: "POST", headers, body });
    expect(chunked.status).toBe(413);
    expect((await echo.seen()).calls).toBe(0);
    expect(await call(url, crypto.randomUUID(), { key })).toMatchObject({ end: "ok" });
  });

  test("without a credential, or with a wrong one, no server hears of it", async () => {
    const before = await echo.seen();
    for (const wrong of [undefined, "mgw_wrong", `${key}x`]) {
      const end = await call(gateway.mcpUrl("echo"), crypto.randomUUID(), {
        ...(wrong !== undefined && { key: wrong }),
      });
      expect(end.status).toBe(401);
    }
    expect(await echo.seen()).toEqual(before);
  });
});
