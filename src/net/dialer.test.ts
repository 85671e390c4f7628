import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Http1Client } from "./http1-client.ts";
import { OutboundGuard } from "./outbound-guard.ts";

let directory: string;
let trusted: string;
const servers = new Map<string, ReturnType<typeof Bun.serve>>();
let hits = 0;

async function openssl(...args: string[]): Promise<void> {
  const child = Bun.spawn(["openssl", ...args], { cwd: directory, stdout: "ignore", stderr: "pipe" });
  if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
}
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

async function authority(name: string): Promise<void> {
  await openssl(
    "req",
    "-x509",
    ...KEY,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.pem`,
    "-subj",
    `/CN=${name}`,
    "-days",
    "2",
  );
}
async function certificate(name: string, issuer: string, names: string, days = "2"): Promise<void> {
  await openssl("req", ...KEY, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", "/CN=good.test");
  await writeFile(join(directory, `${name}.ext`), `subjectAltName=${names}\n`);
  const sign = [
    "-CA",
    `${issuer}.pem`,
    "-CAkey",
    `${issuer}.key`,
    "-CAcreateserial",
    "-extfile",
    `${name}.ext`,
  ];
  await openssl("x509", "-req", "-in", `${name}.csr`, ...sign, "-days", days, "-out", `${name}.pem`);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "net-tls-"));
  await authority("trusted");
  await authority("stranger");
  await certificate("good", "trusted", "DNS:good.test,IP:127.0.0.1");
  await certificate("wildcard", "trusted", "DNS:*.wild.test");
  await certificate("othername", "trusted", "DNS:other.test");
  await certificate("untrusted", "stranger", "DNS:good.test,IP:127.0.0.1");
  await certificate("expired", "trusted", "DNS:good.test", "-1");
  trusted = await readFile(join(directory, "trusted.pem"), "utf8");
  for (const name of ["good", "wildcard", "othername", "untrusted", "expired"])
    servers.set(
      name,
      Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        tls: {
          key: await readFile(join(directory, `${name}.key`), "utf8"),
          cert: await readFile(join(directory, `${name}.pem`), "utf8"),
        },
        async fetch(request) {
          hits++;
          return new Response(`${request.headers.get("host")} ${(await request.text()).length}`);
        },
      }),
    );
});
afterAll(async () => {
  for (const server of servers.values()) server.stop(true);
  await rm(directory, { recursive: true, force: true });
});

/** Every name leads to the loopback; only the certificate tells the servers apart. */
async function call(server: string, host: string, extraCa: readonly string[], body = "{}"): Promise<string> {
  const http = new Http1Client(new OutboundGuard(["loopback"], async () => ["127.0.0.1"]), { extraCa });
  try {
    const response = await http.request({
      method: "POST",
      target: http.target(`https://${host}:${servers.get(server)?.port}/`),
      headerBlock: "",
      body,
      cancellation: undefined,
      idleTimeoutMs: 3_000,
      bodyBytesMax: 1_000,
    });
    return await response.text();
  } finally {
    http.close();
  }
}

describe("TLS", () => {
  test.each([
    ["good", "good.test"],
    ["good", "127.0.0.1"],
    ["wildcard", "a.wild.test"],
  ])("the %s certificate of a trusted authority is accepted for %s", async (server, host) => {
    expect(await call(server, host, [trusted])).toBe(`${host}:${servers.get(server)?.port} 2`);
  });
  test("a large request goes out whole", async () => {
    expect(await call("good", "good.test", [trusted], "x".repeat(5_000_000))).toEndWith(" 5000000");
  });
  test.each([
    ["another name", "othername", "good.test"],
    ["another name, by address", "othername", "127.0.0.1"],
    ["a wildcard two labels deep", "wildcard", "a.b.wild.test"],
    ["the wildcard's own base", "wildcard", "wild.test"],
    ["an authority nobody trusts", "untrusted", "good.test"],
    ["a time gone by", "expired", "good.test"],
  ])("a certificate of %s is refused before a byte of the request left", async (_why, server, host) => {
    const before = hits;
    await expect(call(server, host, [trusted])).rejects.toMatchObject({ kind: "connect", sent: false });
    await Bun.sleep(20);
    expect(hits).toBe(before);
  });
  test("without the extra authority its certificates are refused", async () => {
    await expect(call("good", "good.test", [])).rejects.toMatchObject({ kind: "connect", sent: false });
  });
});

describe("connecting", () => {
  let mute: Server;
  beforeAll(async () => {
    // Accepts and says nothing: a TLS handshake that never ends.
    mute = createServer((socket) => socket.on("error", () => {}));
    mute.listen(0, "127.0.0.1");
    await once(mute, "listening");
  });
  afterAll(() => void mute.close());

  const dial = (port: number, scheme: string, connectTimeoutMs: number) => {
    const http = new Http1Client(new OutboundGuard(["loopback"]), { connectTimeoutMs });
    const target = http.target(`${scheme}://127.0.0.1:${port}/`);
    return http.request({
      method: "GET",
      target,
      headerBlock: "",
      body: undefined,
      cancellation: undefined,
      idleTimeoutMs: 3_000,
      bodyBytesMax: 1_000,
    });
  };
  test("a handshake that hangs ends with the connect timeout", async () => {
    const address = mute.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const begun = performance.now();
    await expect(dial(port, "https", 200)).rejects.toMatchObject({ kind: "connect", sent: false });
    expect(performance.now() - begun).toBeWithin(190, 1000);
  });
  test("TLS towards a plain server, and plain towards TLS, fail cleanly", async () => {
    const plain = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("x") });
    try {
      await expect(dial(plain.port ?? 0, "https", 2_000)).rejects.toMatchObject({
        kind: "connect",
        sent: false,
      });
    } finally {
      await plain.stop(true);
    }
    const outcome = dial(servers.get("good")?.port ?? 0, "http", 2_000);
    await expect(outcome).rejects.toMatchObject({ name: "HttpFailure", sent: true });
  });
});
