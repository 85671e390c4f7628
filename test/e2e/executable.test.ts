import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bodyOf, headersFor } from "../faults/load.ts";
import { eventually, startChild } from "./child.ts";
import { startGateway } from "./gateway.ts";
import { fixtureEntry, fixtureStdioEntry, startFixture, type Upstream } from "./upstreams.ts";

const root = join(import.meta.dir, "../..");

let folder: string;
let program: string;
let upstream: Upstream;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mcp-gateway-executable-"));
  program = join(folder, "mcp-gateway");
  const build = startChild(["node", join(root, "scripts/build.mjs")], { cwd: root });
  if ((await build.exited) !== 0) throw new Error(build.output());
  // Away from the sources and the packages it was made of.
  copyFileSync(join(root, "dist/mcp-gateway"), program);
  upstream = await startFixture("both");
}, 120_000);
afterAll(async () => {
  await upstream?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("the executable is whole by itself: it serves, records, shows its documentation, and ends in order", async () => {
  const servers = [fixtureEntry("far", upstream, "streamable-http"), fixtureStdioEntry("near", "legacy")];
  await using gateway = await startGateway({ program, servers });
  const get = (path: string) => fetch(`${gateway.origin}${path}`);
  for (const name of ["far__test_simple_text", "near__test_simple_text"]) {
    const answer = await fetch(gateway.mcpUrl(), {
      method: "POST",
      headers: headersFor("tools/call", name),
      body: bodyOf("tools/call", { name, arguments: {} }),
    });
    expect([name, await answer.text()]).toEqual([name, expect.stringContaining('"content"')]);
  }
  // Through the journal, the drain's thread and the store.
  await eventually("the calls are in the record", async () => {
    const text = await (await get("/admin/logs?kind=call")).text();
    return text.includes('"far"') && text.includes('"near"') ? true : undefined;
  });

  const page = await (await get("/docs")).text();
  const files = [...page.matchAll(/(?:href|src)="(\/docs\/[^"]+)"/g)].map(([, path]) => path as string);
  expect(files.length).toBeGreaterThan(2);
  for (const path of files) expect([path, (await get(path)).status]).toEqual([path, 200]);
  expect(await (await get("/docs/swagger-ui-bundle.js")).text()).toContain("SwaggerUIBundle");

  expect(await gateway.mintKey("--name", "another")).toStartWith("mgw_");
  gateway.child.kill("SIGTERM");
  expect(await gateway.child.exited).toBe(0);
  expect(await gateway.run("audit", "verify")).toContain("Verified");
}, 60_000);
