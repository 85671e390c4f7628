import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { SQL } from "bun";
import { PeerKey } from "../../src/peers/signature.ts";
import { eventually } from "../e2e/child.ts";
import { type Processes, startReplicas, startWorkers } from "../e2e/processes.ts";
import { RawSession } from "../e2e/raw-session.ts";
import { type EchoUpstream, fixtureEntry, startEcho, startFixture, type Upstream } from "../e2e/upstreams.ts";
import { Events, type JsonRpc } from "../integration/http-gateway.ts";
import { descendantsOf } from "./descendants.ts";
import { bodyOf, call, digestOf, headersFor, noncesSeen } from "./load.ts";
import { untilConnected } from "./restarted.ts";

const CALLS = 24;

describe("a worker killed in the middle of its calls", () => {
  let echo: EchoUpstream;
  let processes: Processes | undefined;
  beforeAll(async () => {
    echo = await startEcho("modern");
    processes = await startWorkers({ servers: [fixtureEntry("echo", echo, "streamable-http")] });
  });
  afterAll(async () => {
    await processes?.stop();
    await echo.stop();
  });

  test("breaks its own calls and no other, runs none twice, is started again, and its journal is taken over", async () => {
    const gateway = processes?.gateways[0];
    if (processes === undefined || gateway === undefined) return;
    await untilConnected(gateway, ["echo"]);
    const workers = descendantsOf(gateway.child.pid).filter((pid) => commandOf(pid).includes("--worker"));
    expect(workers.length).toBe(2);
    const url = gateway.mcpUrl("echo");
    const nonces = Array.from({ length: CALLS }, () => crypto.randomUUID());
    const calls = nonces.map((nonce) => call(url, nonce, { ms: 1_500 }));
    await eventually("the server has every call", async () => {
      const seen = await noncesSeen(echo);
      return nonces.every((nonce) => seen.has(nonce)) ? true : undefined;
    });
    process.kill(workers[0] as number, "SIGKILL");
    await eventually("it is gone", () =>
      processes?.logs().includes("a worker died and is started again") ? true : undefined,
    );
    // The other one serves on, from the next connection on.
    for (let index = 0; index < 10; index++) {
      expect(await call(processes.mcpUrl("echo"), crypto.randomUUID())).toMatchObject({ end: "ok" });
    }
    const ends = await Promise.all(calls);
    const broken = ends.filter(({ end }) => end !== "ok");
    expect(broken.map(({ end }) => end).filter((end) => end !== "connection")).toEqual([]);
    expect(broken.length).toBeGreaterThan(0);
    expect(broken.length).toBeLessThan(CALLS);
    const seen = await noncesSeen(echo);
    expect(nonces.filter((nonce) => seen.get(nonce) !== 1)).toEqual([]);
    await eventually(
      "two workers run again",
      () => {
        const now = descendantsOf(gateway.child.pid).filter((pid) => commandOf(pid).includes("--worker"));
        return now.length === 2 && !now.includes(workers[0] as number) ? true : undefined;
      },
      { timeoutMs: 10_000 },
    );
    const sql = new SQL({ url: processes.databaseUrl, max: 1 });
    const digests = broken.map(({ nonce }) => digestOf(nonce, 1_500));
    await eventually(
      "the broken calls are recorded as unknown",
      async () => {
        const rows: { digest: string; status: string }[] =
          await sql`select arguments_digest as digest, status from request_logs`;
        const own = rows.filter(({ digest }) => digests.includes(digest));
        return own.length === broken.length && own.every(({ status }) => status === "unknown")
          ? true
          : undefined;
      },
      { timeoutMs: 15_000 },
    );
    await sql.close();
    gateway.child.kill("SIGTERM");
    expect(await gateway.child.exited).toBe(0);
  }, 60_000);
});

describe("a replica killed while others need it", () => {
  const master = randomBytes(32);
  let upstream: Upstream;
  let processes: Processes | undefined;
  beforeAll(async () => {
    upstream = await startFixture("legacy");
    processes = await startReplicas({
      servers: [fixtureEntry("x", upstream, "streamable-http")],
      environment: { MCP_GATEWAY_MASTER_KEY: master.toString("base64") },
    });
    for (const gateway of processes?.gateways ?? []) await untilConnected(gateway, ["x"]);
  });
  afterAll(async () => {
    await processes?.stop();
    await upstream.stop();
  });

  test("a request between processes counts once, for the one it names, while it is fresh, with its own body", async () => {
    const origin = processes?.gateways[0]?.origin;
    if (origin === undefined) return;
    const key = new PeerKey([master]);
    const target = await idOf(origin);
    const body = '[{"kind":"store_changed"}]';
    const send = async (authorization: string, sent = body, act = "tell") => {
      const init = { method: "POST", headers: { authorization }, body: sent };
      return (await fetch(`${origin}/cluster/${act}`, init)).status;
    };
    const signed = key.sign("tell", target, body, Date.now());
    expect(await send(signed, `${body} `)).toBe(401);
    expect(await send(signed, body, "forward")).toBe(401);
    expect(await send(signed)).toBe(204);
    expect(await send(signed)).toBe(401);
    expect(await send(key.sign("tell", target, body, Date.now() - 120_000))).toBe(401);
    expect(await send(new PeerKey([randomBytes(32)]).sign("tell", target, body, Date.now()))).toBe(401);
    expect(await send(key.sign("tell", "another", body, Date.now()))).toBe(410);
  });

  test("what it held is honestly lost; the session and everything else goes on", async () => {
    const [here, there] = processes?.gateways ?? [];
    if (here === undefined || there === undefined) return;
    const session = await RawSession.open(there.mcpUrl("x"));
    const params = { name: "test_elicitation", arguments: { message: "?" } };
    const events = new Events(await session.post({ id: 1, method: "tools/call", params }));
    const primer = await events.next();
    const question = await events.message();
    const { result: parked } = await modernCall(there.mcpUrl("x"), params);
    expect(parked).toMatchObject({ resultType: "input_required" });
    there.child.kill("SIGKILL");
    await there.child.exited;
    const url = here.mcpUrl("x");
    const answer = { id: question?.id, result: { action: "decline" } };
    expect((await session.post(answer, url)).status).toBe(400);
    const headers = {
      accept: "text/event-stream",
      "mcp-session-id": session.id,
      "last-event-id": primer?.id ?? "",
    };
    expect((await fetch(url, { headers })).status).toBe(400);
    const retry = { ...params, inputResponses: {}, requestState: parked?.requestState };
    expect((await modernCall(url, retry)).error?.code).toBe(1034);
    expect((await session.post({ id: 2, method: "ping" }, url)).status).toBe(200);
    await events.rest().catch(() => undefined);
  }, 30_000);
});

const OPERATOR = { authorization: "Bearer operator-token-of-the-tests" };

async function idOf(origin: string): Promise<string> {
  const details = (await (await fetch(`${origin}/ready`, { headers: OPERATOR })).json()) as {
    process: string;
  };
  return details.process;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

async function modernCall(url: string, params: { readonly name: string }): Promise<JsonRpc> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
  };
  const message = JSON.parse(bodyOf("tools/call", { ...params })) as { params: object };
  const body = JSON.stringify({ ...message, params: { ...message.params, _meta } });
  const answer = await fetch(url, { method: "POST", headers: headersFor("tools/call", params.name), body });
  if (answer.headers.get("content-type")?.startsWith("text/event-stream") !== true) {
    return (await answer.json()) as JsonRpc;
  }
  return (await new Events(answer).rest()).at(-1) as JsonRpc;
}
