import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { eventually, freePort } from "./child.ts";
import { type Gateway, startGateway } from "./gateway.ts";

let gateway: Gateway;
let operator: string;
beforeAll(async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  operator = `http://${listen}`;
  gateway = await startGateway({
    servers: [{ name: "nobody", type: "streamable-http", connection: { url: "http://127.0.0.1:9/mcp" } }],
    anonymous: false,
    settings: { telemetry: { listen }, cors: { max_age: "2m" } },
  });
});
afterAll(() => gateway.stop());

test("telemetry.listen serves metrics and readiness with details, without a credential, and nothing else", async () => {
  const metrics = await fetch(`${operator}/metrics`);
  expect(metrics.status).toBe(200);
  expect(await metrics.text()).toContain('mcp_gateway_upstream_up{namespace="default",server="nobody"} 0');
  expect(await (await fetch(`${operator}/ready`)).json()).toMatchObject({ servers: [{ name: "nobody" }] });
  for (const path of ["/live", "/health"]) expect((await fetch(`${operator}${path}`)).status).toBe(200);
  for (const path of ["/", "/mcp", "/mcp/status", "/gateway/servers", "/admin/logs", "/docs"])
    expect((await fetch(`${operator}${path}`)).status).toBe(404);
  const posted = await fetch(`${operator}/metrics`, { method: "POST" });
  expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET"]);
  const rebound = await fetch(`${operator}/ready`, { headers: { host: "evil.example" } });
  expect([rebound.status, await rebound.text()]).toEqual([403, expect.not.stringContaining("nobody")]);
});

test("the main address goes on to ask for a credential", async () => {
  expect((await fetch(`${gateway.origin}/metrics`)).status).toBe(401);
  expect(await (await fetch(`${gateway.origin}/ready`)).json()).toEqual({ status: "ready" });
});

test("a preflight answer may be kept for cors.max_age", async () => {
  const headers = { origin: gateway.origin, "access-control-request-method": "POST" };
  const answer = await fetch(gateway.mcpUrl(), { method: "OPTIONS", headers });
  expect(answer.headers.get("access-control-max-age")).toBe("120");
});

test("features.metrics switches them off while the gateway runs", async () => {
  const path = join(gateway.folder, "gateway.yaml");
  const document = parse(await readFile(path, "utf8")) as Record<string, unknown>;
  await writeFile(path, stringify({ ...document, features: { demo: false, metrics: false } }));
  await eventually("no metrics are served", async () =>
    (await fetch(`${operator}/metrics`)).status === 404 ? true : undefined,
  );
});

test("a start whose address for metrics is taken says which setting to change", async () => {
  const taken = startGateway({
    servers: [],
    settings: { telemetry: { listen: `127.0.0.1:${gateway.port}` } },
  });
  expect(await taken.then((other) => other.stop(), String)).toContain("telemetry.listen");
});
