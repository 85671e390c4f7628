import { expect, test } from "bun:test";
import { alternating, restartUnderLoad } from "../faults/rolling-restart-round.ts";
import { startNginx } from "../servers/nginx.ts";

const CALLS = 20_000;

test(`two replicas restarted over and over behind a balancer: none of ${CALLS} calls fails or runs twice`, async () => {
  const calls = await restartUnderLoad(CALLS, alternating);
  if (calls !== undefined) expect(calls).toBeGreaterThanOrEqual(CALLS);
}, 900_000);

test(`the same behind nginx`, async () => {
  const calls = await restartUnderLoad(CALLS, async ({ gateways }) => {
    const nginx = await startNginx(gateways.map(({ port }) => port));
    if (nginx === undefined) throw new Error("no nginx");
    return { url: `${nginx.origin}/servers/echo/mcp`, stop: nginx.stop };
  });
  if (calls !== undefined) expect(calls).toBeGreaterThanOrEqual(CALLS);
}, 900_000);
