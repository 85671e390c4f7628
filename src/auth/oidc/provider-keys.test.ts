import { afterAll, expect, test } from "bun:test";
import { exportJWK, generateKeyPair } from "jose";
import { keptLog } from "../../model/sample-exchange.testing.ts";
import { Http1Client } from "../../net/http1-client.ts";
import { OutboundGuard } from "../../net/outbound-guard.ts";
import { ProviderKeys } from "./provider-keys.ts";

async function publicKey(kid: string) {
  const { publicKey: key } = await generateKeyPair("ES256", { extractable: true });
  return { ...(await exportJWK(key)), kid, alg: "ES256", use: "sig" };
}

const published: object[] = [];
let reads = 0;
const server: Bun.Server<undefined> = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request): Response => {
    const issuer = new URL(request.url).origin;
    if (request.url.endsWith("openid-configuration")) {
      return Response.json({ issuer, jwks_uri: `${issuer}/jwks` });
    }
    reads++;
    return Response.json({ keys: published });
  },
});
const http = new Http1Client(new OutboundGuard(["loopback"]));
afterAll(() => {
  http.close();
  server.stop(true);
});

test("a rotation is followed, and a flood of made-up key ids costs one request in 30 s", async () => {
  let now = 1_000_000;
  const provider = { issuer: `http://127.0.0.1:${server.port}`, jwksUri: undefined };
  const keys = new ProviderKeys(provider, { http, clock: { now: () => now }, log: keptLog() });
  published.push(await publicKey("first"));
  expect(await keys.find("first", "ES256")).toBeDefined();
  expect(await keys.find("first", "RS256")).toBeUndefined();
  expect(reads).toBe(1);
  published.push(await publicKey("second"));
  for (let n = 0; n < 1_000; n++) expect(await keys.find(`made-up-${n}`, "ES256")).toBeUndefined();
  expect(reads).toBe(1);
  now += 31_000;
  const found = await Promise.all(Array.from({ length: 50 }, () => keys.find("second", "ES256")));
  expect(found.every((key) => key !== undefined)).toBe(true);
  expect(reads).toBe(2);
});
