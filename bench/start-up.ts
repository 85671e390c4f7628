/** Cold start with 100 servers on the embedded store, and the memory of a gateway that does nothing. */
import { join } from "node:path";
import { startUpstream } from "./calls.ts";
import { setUpGateway, startGateway } from "./gateway.ts";
import { median } from "./statistics.ts";

const SERVERS = 100;
/** Freed memory goes back to the system after ten seconds (`bin/mcp-gateway`), and what that leaves of larger pieces after ten more. */
const SETTLE_MS = 25_000;

export interface StartUp {
  /** With an empty data directory: the schema is made, the first key is minted. */
  readonly ready_ms: number;
  /** With the data directory of the start before. */
  readonly ready_again_ms: number;
  readonly idle_rss_mb: number;
}

export async function measureStartUp(folder: string, root: string, times: number): Promise<StartUp> {
  const upstream = await startUpstream();
  const cold: number[] = [];
  const again: number[] = [];
  const idle: number[] = [];
  try {
    for (let i = 0; i < times; i++) {
      const servers = Array.from({ length: SERVERS }, (_, index) => ({
        name: `s${index}`,
        url: `http://127.0.0.1:${upstream.port}/tools/10/s${index}/mcp`,
      }));
      const setup = await setUpGateway(root, join(folder, `start-${i}`), servers);
      const first = await startGateway(setup);
      cold.push(first.readyMs);
      await Bun.sleep(SETTLE_MS);
      idle.push(first.process.rssMib());
      await first.process.stop();
      const second = await startGateway(setup);
      again.push(second.readyMs);
      await second.process.stop();
    }
  } finally {
    await upstream.process.stop();
  }
  return { ready_ms: median(cold), ready_again_ms: median(again), idle_rss_mb: median(idle) };
}
