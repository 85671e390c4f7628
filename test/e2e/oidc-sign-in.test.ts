import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import Provider from "oidc-provider";
import { freePort } from "./child.ts";
import { type Gateway, startGateway } from "./gateway.ts";

const TIMEOUT_MS = 30_000;
let issuer: string;
let server: Server;
let gateway: Gateway;

/** As much of a browser as a sign-in needs: cookies by host, redirects followed one at a time, forms submitted. */
class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();

  async open(url: string, form?: Readonly<Record<string, string>>): Promise<Response> {
    const { host } = new URL(url);
    const jar = this.#cookies.get(host) ?? new Map<string, string>();
    this.#cookies.set(host, jar);
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form !== undefined && { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const at = pair.indexOf("=");
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) jar.delete(pair.slice(0, at));
      else jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  }

  /** Follows redirects until a page, or until the address begins with `until`. */
  async follow(from: string, until: string): Promise<{ url: string; response: Response | undefined }> {
    let url = from;
    for (let hops = 0; hops < 20; hops++) {
      if (url.startsWith(until)) return { url, response: undefined };
      const response = await this.open(url);
      const location = response.headers.get("location");
      if (location === null) return { url, response };
      url = new URL(location, url).href;
    }
    throw new Error("too many redirects");
  }

  /** Signs in at the provider's development pages; the address the provider sends back to. */
  async signIn(location: string, login: string): Promise<string> {
    const callback = `${gateway.origin}/auth/oidc/`;
    let at = await this.follow(location, callback);
    const forms: Record<string, string>[] = [
      { prompt: "login", login, password: "any" },
      { prompt: "consent" },
    ];
    for (const form of forms) {
      if (at.response === undefined) break;
      const action = /action="([^"]+)"/.exec(await at.response.text())?.[1] as string;
      const answer = await this.open(new URL(action, at.url).href, form);
      at = await this.follow(new URL(answer.headers.get("location") as string, at.url).href, callback);
    }
    return at.url;
  }
}

beforeAll(async () => {
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  const callback = "http://localhost";
  const gatewayPort = await freePort();
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "gateway",
        client_secret: "a-secret-of-the-tests",
        token_endpoint_auth_method: "client_secret_post",
        redirect_uris: [`${callback}:${gatewayPort}/auth/oidc/company/callback`],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    pkce: { required: () => true },
    cookies: { keys: ["a-key-of-the-tests"] },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
  });
  server = createServer(provider.callback());
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  gateway = await startGateway({
    servers: [],
    anonymous: false,
    settings: {
      server: { port: gatewayPort, url: `http://localhost:${gatewayPort}` },
      oauth: {
        enabled: true,
        providers: [
          {
            name: "company",
            preset: "oidc",
            issuer,
            jit: true,
            client_id: "gateway",
            client_secret: "a-secret-of-the-tests",
          },
        ],
      },
    },
    port: gatewayPort,
  });
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  server?.close();
  server?.closeAllConnections();
}, TIMEOUT_MS);

describe("signing in at an OpenID Connect provider", () => {
  test("code flow with PKCE: the user is created at the first use and gets the gateway's own tokens", async () => {
    const browser = new Browser();
    const start = await browser.open(`${gateway.origin}/auth/oidc/company/start`);
    expect(start.status).toBe(302);
    const location = start.headers.get("location") as string;
    expect(new URL(location).searchParams.get("code_challenge_method")).toBe("S256");
    expect(start.headers.get("set-cookie")).toContain("HttpOnly");
    const callback = await browser.signIn(location, "ada");
    const answer = await browser.open(callback);
    const tokens = (await answer.json()) as { access_token: string };
    expect([answer.status, Object.keys(tokens)]).toEqual([
      200,
      expect.arrayContaining(["access_token", "refresh_token"]),
    ]);
    const profile = await fetch(`${gateway.origin}/auth/profile`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    expect(await profile.json()).toMatchObject({ kind: "user", user: { username: "ada" } });
    // The same answer again, with the cookie gone: nobody signs in with it.
    expect((await browser.open(callback)).status).toBe(400);
  });

  test("an attempt is finished once, even with its cookie kept and another code for it", async () => {
    const browser = new Browser();
    const start = await browser.open(`${gateway.origin}/auth/oidc/company/start`);
    const kept = (start.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    const location = start.headers.get("location") as string;
    const [first, second] = [
      await browser.signIn(location, "cid"),
      await new Browser().signIn(location, "cid"),
    ];
    expect(new URL(first).searchParams.get("code")).not.toBe(new URL(second).searchParams.get("code"));
    const finish = (callback: string) => fetch(callback, { headers: { cookie: kept } });
    expect((await finish(first)).status).toBe(200);
    expect((await finish(second)).status).toBe(400);
  });

  test("an answer without its attempt, with another state, or with another attempt's is refused", async () => {
    const [mine, other] = [new Browser(), new Browser()];
    const location = async (browser: Browser) =>
      (await browser.open(`${gateway.origin}/auth/oidc/company/start`)).headers.get("location") as string;
    const callback = await mine.signIn(await location(mine), "bea");
    expect((await fetch(callback)).status).toBe(400);
    await location(other);
    expect((await other.open(callback)).status).toBe(400);
    const forged = new URL(callback);
    forged.searchParams.set("state", "forged");
    const refused = await mine.open(forged.href);
    expect([refused.status, await refused.json()]).toEqual([
      400,
      expect.objectContaining({ code: "sign_in_failed" }),
    ]);
    expect((await fetch(`${gateway.origin}/auth/oidc/nowhere/start`)).status).toBe(404);
  });
});
