import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { eventually } from "../e2e/child.ts";
import { type Gateway, type ServerEntry, startGateway } from "../e2e/gateway.ts";
import { type EchoUpstream, fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { call, noncesSeen, startLoad, tally } from "./load.ts";
import { statusOf, untilConnected } from "./restarted.ts";

describe("the configuration file under load", () => {
  let gateway: Gateway;
  let one: EchoUpstream;
  let two: EchoUpstream;
  let path: string;

  beforeAll(async () => {
    [one, two] = await Promise.all([startEcho("modern"), startEcho("modern")]);
    gateway = await startGateway({ servers: [fixtureEntry("one", one, "streamable-http")] });
    path = join(gateway.folder, "gateway.yaml");
    await untilConnected(gateway, ["one"]);
  });
  afterAll(async () => {
    await gateway.stop();
    await one.stop();
    await two.stop();
  });

  async function rewrite(text: string): Promise<void> {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  }
  async function withServers(servers: readonly ServerEntry[]): Promise<void> {
    const document: Record<string, unknown> = parse(await readFile(path, "utf8"));
    await rewrite(stringify({ ...document, proxy: { servers } }));
  }

  test("a good change is live within a second and drops no call", async () => {
    const load = startLoad(gateway.mcpUrl("one"), { connections: 16, ms: 20 });
    await Bun.sleep(200);
    const changedAt = performance.now();
    await withServers([
      fixtureEntry("one", one, "streamable-http"),
      fixtureEntry("two", two, "streamable-http"),
    ]);
    await eventually(
      "the new server serves",
      async () => ((await call(gateway.mcpUrl("two"), crypto.randomUUID())).end === "ok" ? true : undefined),
      { everyMs: 20 },
    );
    expect(performance.now() - changedAt).toBeLessThan(1_000);
    await withServers([{ ...fixtureEntry("one", one, "streamable-http"), description: "changed" }]);
    await eventually(
      "the removed server is gone",
      async () => ((await statusOf(gateway)).has("two") ? undefined : true),
      { timeoutMs: 1_000, everyMs: 20 },
    );
    await Bun.sleep(300);
    const ends = await load.stop();
    expect(tally(ends)).toEqual({ ok: ends.length });
    expect(ends.length).toBeGreaterThan(100);
    expect([...(await noncesSeen(one))].filter(([, times]) => times > 1)).toEqual([]);
  });

  test("a changed address is used by the calls that come after, and calls under way end at the old one", async () => {
    const held = call(gateway.mcpUrl("one"), crypto.randomUUID(), { ms: 1_500 });
    await Bun.sleep(100);
    const before = (await two.seen()).calls;
    await withServers([fixtureEntry("one", two, "streamable-http")]);
    await eventually("calls go to the new address", async () => {
      await call(gateway.mcpUrl("one"), crypto.randomUUID());
      return (await two.seen()).calls > before ? true : undefined;
    });
    expect(await held).toMatchObject({ end: "ok" });
  });

  test("a bad file keeps the old configuration and is reported", async () => {
    const good = await readFile(path, "utf8");
    const load = startLoad(gateway.mcpUrl("one"), { connections: 4, ms: 10 });
    for (const bad of ["proxy: [", `${good}\nunknown_key: 1\n`, good.replace("streamable-http", "pigeon")]) {
      const said = gateway.logs().split("configuration refused").length;
      await rewrite(bad);
      await eventually("the file is refused", () =>
        gateway.logs().split("configuration refused").length > said ? true : undefined,
      );
    }
    const ends = await load.stop();
    expect(tally(ends)).toEqual({ ok: ends.length });
    expect((await fetch(`${gateway.origin}/ready`)).status).toBe(200);
    await rewrite(good);
    expect(await call(gateway.mcpUrl("one"), crypto.randomUUID())).toMatchObject({ end: "ok" });
  });
});
