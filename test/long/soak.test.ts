import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../e2e/gateway.ts";
import { fixtureEntry, fixtureStdioEntry, startEcho, startFixture } from "../e2e/upstreams.ts";
import { untilConnected } from "../faults/restarted.ts";
import { driftOf, growthOf, Sampler } from "./soak-figures.ts";
import { SoakLoad } from "./soak-load.ts";

/** Ten minutes unless `MCP_GATEWAY_TEST_SOAK_MINUTES` says otherwise; longer is sharper. */
const MINUTES = Number(process.env.MCP_GATEWAY_TEST_SOAK_MINUTES ?? 10);
/** Caches fill, code is compiled, pools find their size. */
const WARM_SHARE = 0.4;
const GROWTH_MIB_MAX = 1;
const DRIFT_MAX = 10;

test(
  `${MINUTES} minutes of everything: memory, files and timers stay, and no promise is rejected unheard`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-soak-"));
    const timersPath = join(folder, "timers.json");
    writeFileSync(timersPath, "");
    const [echo, old, sse] = await Promise.all([
      startEcho("modern"),
      startFixture("legacy"),
      startFixture("legacy", "sse"),
    ]);
    const servers = [
      fixtureEntry("echo", echo, "streamable-http"),
      fixtureEntry("old", old, "streamable-http"),
      fixtureEntry("older", sse, "sse"),
      fixtureStdioEntry("child", "legacy"),
    ];
    const gateway = await startGateway({
      servers,
      anonymous: false,
      settings: {
        limits: { body: "64KiB", session_idle: "20s", failed_auth_per_minute: 1_000_000 },
        logging: { level: "warn" },
        audit: { retention: "1m" },
      },
      environment: {
        MCP_GATEWAY_TEST_TIMERS: timersPath,
        BUN_OPTIONS: ["count-timers.ts", "collect.ts"]
          .map((file) => `--preload ${join(import.meta.dir, file)}`)
          .join(" "),
      },
    });
    try {
      const keys = [
        await gateway.mintKey("--name", "a", "--role", "admin"),
        await gateway.mintKey("--name", "b", "--role", "admin"),
      ];
      await untilConnected(gateway, ["echo", "old", "older", "child"], keys[0]);
      const simple = ["old", "older", "child"].map((server) => ({
        name: `${server}__test_simple_text`,
        args: {},
      }));
      const targets = [{ name: "echo__echo", args: { nonce: "n", ms: 0 } }, ...simple];
      const visitor = fixtureEntry("visitor", echo, "streamable-http");
      const load = new SoakLoad({ gateway, keys, targets, servers, visitor });
      const sampler = new Sampler(gateway.child.pid, timersPath);
      await Bun.sleep(MINUTES * 60_000);
      sampler.stop();
      const counts = await load.stop();
      const warm = sampler.samples.slice(Math.floor(sampler.samples.length * WARM_SHARE));
      const { slope, error } = growthOf(warm);
      const figures = {
        ...counts,
        mib: [warm.at(0)?.mib, warm.at(-1)?.mib],
        mibPerTenMinutes: slope,
        standardError: error,
        filesDrift: driftOf(warm, "files"),
        timersDrift: driftOf(warm, "timers"),
        files: warm.at(-1)?.files,
        timers: warm.at(-1)?.timers,
        rejections: sampler.rejections,
      };
      console.log(`soak, ${MINUTES} minutes:`, figures);
      expect(counts.failures).toEqual([]);
      expect(sampler.rejections).toBe(0);
      expect(gateway.logs()).not.toContain("unhandled rejection");
      expect(Math.abs(figures.filesDrift)).toBeLessThanOrEqual(DRIFT_MAX);
      expect(Math.abs(figures.timersDrift)).toBeLessThanOrEqual(DRIFT_MAX);
      // What two standard errors leave open is no proof of growth.
      expect(slope - 2 * error).toBeLessThanOrEqual(GROWTH_MIB_MAX);
    } finally {
      await gateway.stop();
      await Promise.all([echo.stop(), old.stop(), sse.stop()]);
      rmSync(folder, { recursive: true, force: true });
    }
  },
  MINUTES * 60_000 + 120_000,
);
