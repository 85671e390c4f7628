import { expect, test } from "bun:test";
import { startGateway } from "../e2e/gateway.ts";
import { fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { codes, noncesSeen, startLoad } from "../faults/load.ts";
import { restart, untilConnected } from "../faults/restarted.ts";

const ROUNDS = 20;

test(`${ROUNDS} ends by SIGTERM under load: every call a server saw is answered, and every end is 0`, async () => {
  const echo = await startEcho("modern");
  const gateway = await startGateway({ servers: [fixtureEntry("echo", echo, "streamable-http")] });
  let { child } = gateway;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) child = await restart(gateway);
      await untilConnected(gateway, ["echo"]);
      const load = startLoad(gateway.mcpUrl("echo"), { connections: 32 });
      const held = startLoad(gateway.mcpUrl("echo"), { connections: 8, ms: 30 });
      await Bun.sleep(100 + Math.random() * 150);
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
      const ends = [...(await load.stop()), ...(await held.stop())];
      const seen = await noncesSeen(echo);
      const unanswered = ends.filter(({ nonce, end }) => seen.has(nonce) && end !== "ok");
      expect(unanswered).toEqual([]);
      const refused = ends.filter(
        ({ end }) => end !== "ok" && end !== "connection" && end !== codes.shuttingDown,
      );
      expect(refused).toEqual([]);
    }
  } finally {
    await child.stop();
    await gateway.stop();
    await echo.stop();
  }
}, 120_000);
