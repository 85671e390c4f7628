import { expect, test } from "bun:test";
import { LocalChildHost } from "../../src/upstreams/mcp/stdio/local-child-host.ts";
import { churn } from "../fixtures/children/churn.ts";
import { silentLog } from "../fixtures/children/harness.ts";

test("500 stdio sessions opened and closed leave no orphan and no zombie", async () => {
  const host = new LocalChildHost(process.env, silentLog);
  try {
    expect(await churn(host, 500)).toEqual({ orphans: [], zombies: [] });
  } finally {
    await host.close();
  }
}, 180_000);
