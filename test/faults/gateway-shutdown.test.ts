import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../e2e/child.ts";
import { type Gateway, startGateway } from "../e2e/gateway.ts";
import { type EchoUpstream, fixtureEntry, fixtureStdioEntry, startEcho } from "../e2e/upstreams.ts";
import { descendantsOf } from "./descendants.ts";
import { readJournal } from "./kept-records.ts";
import { bodyOf, call, codes, digestOf, headersFor, noncesSeen, startLoad, tally } from "./load.ts";
import { untilConnected } from "./restarted.ts";

const DRAIN_MS = 1_500;
const SHORT_MS = 700;
const LONG_MS = 20_000;

describe("SIGTERM under load", () => {
  let upstream: EchoUpstream;
  let gateway: Gateway;

  beforeAll(async () => {
    upstream = await startEcho("modern");
    gateway = await startGateway({
      servers: [
        fixtureEntry("echo", upstream, "streamable-http"),
        { ...fixtureStdioEntry("child", "legacy"), sharing: "shared" },
      ],
      settings: {
        server: { shutdown: { drain: `${DRAIN_MS}ms` } },
        audit: { journal: { retain: "1h" } },
      },
    });
    await untilConnected(gateway, ["echo", "child"]);
  });
  afterAll(async () => {
    await gateway.stop();
    await upstream.stop();
  });

  test("calls that end within the drain complete, longer ones get one error, streams their closing result", async () => {
    const url = gateway.mcpUrl("echo");
    const children = descendantsOf(gateway.child.pid);
    expect(children.length).toBeGreaterThan(0);
    const listening = await fetch(url, {
      method: "POST",
      headers: headersFor("subscriptions/listen"),
      body: bodyOf("subscriptions/listen", { notifications: { toolsListChanged: true } }, "listen-1"),
    });
    expect(listening.status).toBe(200);
    const streamEnd = listening.text();
    const load = startLoad(url, { connections: 32 });
    const nonces = (count: number) => Array.from({ length: count }, () => crypto.randomUUID());
    const short = nonces(8).map((nonce) => call(url, nonce, { ms: SHORT_MS }));
    const long = nonces(4).map((nonce) => call(url, nonce, { ms: LONG_MS }));
    await Bun.sleep(300);
    expect((await fetch(`${gateway.origin}/ready`)).status).toBe(200);

    const startedAt = performance.now();
    gateway.child.kill("SIGTERM");
    await eventually(
      "/ready answers 503",
      async () => ((await fetch(`${gateway.origin}/ready`)).status === 503 ? true : undefined),
      { everyMs: 5, timeoutMs: 200 },
    );
    const refused = await call(url, crypto.randomUUID());
    expect(refused).toMatchObject({ end: codes.shuttingDown, status: 503 });
    const stopping = load.stop();

    const shortEnds = await Promise.all(short);
    expect(tally(shortEnds)).toEqual({ ok: 8 });
    const longEnds = await Promise.all(long);
    expect(tally(longEnds)).toEqual({ [codes.interrupted]: 4 });
    const text = await streamEnd;
    expect(text).toContain("notifications/subscriptions/acknowledged");
    expect(text).toContain('"id":"listen-1","result":{"resultType":"complete"');
    expect(await gateway.child.exited).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(DRAIN_MS + 4_000);
    await eventually("the children are gone", () =>
      children.every((pid) => !existsSync(`/proc/${pid}`)) ? true : undefined,
    );

    const ends = await stopping;
    const seen = await noncesSeen(upstream);
    const other = ends.filter(({ end }) => end !== "ok" && end !== codes.shuttingDown);
    // A connection may be refused while it is made; a call that a server saw has its answer.
    expect(other.filter(({ nonce, end }) => end !== "connection" || seen.has(nonce))).toEqual([]);
    const kept = readJournal(join(gateway.folder, "data/journal"));
    for (const { nonce } of longEnds) {
      const calls = kept.callsByDigest.get(digestOf(nonce, LONG_MS)) ?? [];
      expect(calls.map((id) => kept.endsByCall.get(id))).toEqual([["interrupted"]]);
    }
    for (const { nonce, end } of ends.filter(({ end }) => end === "ok")) {
      const [id = ""] = kept.callsByDigest.get(digestOf(nonce)) ?? [];
      expect([end, kept.endsByCall.get(id)]).toEqual(["ok", ["ok"]]);
    }
    expect([...seen].filter(([, times]) => times > 1)).toEqual([]);
    expect(gateway.logs()).not.toContain("unhandled");
  });
});

test("SIGKILL of the gateway leaves no child of a server behind", async () => {
  const gateway = await startGateway({
    servers: [
      { ...fixtureStdioEntry("one", "legacy"), sharing: "shared" },
      { ...fixtureStdioEntry("two", "both"), sharing: "shared" },
    ],
  });
  try {
    await untilConnected(gateway, ["one", "two"]);
    const children = descendantsOf(gateway.child.pid);
    expect(children.length).toBeGreaterThanOrEqual(2);
    gateway.child.kill("SIGKILL");
    await gateway.child.exited;
    await eventually(
      "the children are gone",
      () => (children.every((pid) => !existsSync(`/proc/${pid}`)) ? true : undefined),
      { timeoutMs: 10_000 },
    );
  } finally {
    await gateway.stop();
  }
});
