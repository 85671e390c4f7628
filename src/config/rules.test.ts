import { describe, expect, test } from "bun:test";
import { type Extra, MASTER_KEY, sampleLoader } from "./load.testing.ts";

const { load, problemsOf, settingsOf } = sampleLoader();
const notesOf = async (yaml: string) => {
  const loaded = await load(yaml);
  return "notes" in loaded ? loaded.notes : loaded.problems;
};

test("calls wait for the store only where they wait for the disk", async () => {
  expect(await problemsOf("audit: {confirm: store}\n")).toEqual([
    "gateway.yaml:1:18: audit.confirm: found store, expected audit.durability strict beside it. Fix: set audit.durability: strict.",
  ]);
  const { audit } = await settingsOf("audit: {confirm: store, durability: strict}\n");
  expect(audit).toMatchObject({ durability: "strict", waitsForStore: true });
  expect((await settingsOf("audit: {durability: strict}\n")).audit.waitsForStore).toBe(false);
});

test("a policy that says who serves is of whole servers, and its condition reads the principal alone", async () => {
  const rule = (members: string) =>
    problemsOf(`policies:\n  rules:\n    - {name: r, effect: route, ${members}}\n`);
  const route = "route: {server: github-v2}";
  expect(await rule(`resources: ["github:*"], ${route}`)).toEqual([]);
  expect((await rule('resources: ["github:*"]')).join()).toContain("expected the server that serves");
  const [tool] = await rule(`resources: ["github:push"], ${route}`);
  expect(tool).toContain("policies.rules[0].resources[0]");
  expect(tool).toContain("expected a whole server");
  const [time] = await rule(`resources: ["github:*"], condition: "has(args.x)", ${route}`);
  expect(time).toContain("line 1, column 5: a route may ask about the principal alone, not args");
});

test("a policy about a group that nobody can be in is worth a word, and no mistake", async () => {
  const rule = 'policies:\n  rules:\n    - {name: r, effect: deny, subjects: ["group:beta", "role:user"]}\n';
  expect(await notesOf(rule)).toEqual([
    expect.stringContaining("policies.rules r is about group:beta, and nobody is in a group"),
  ]);
  const oauth =
    'oauth: {enabled: true, provider: oidc, authorization_servers: ["https://sso.example.com"]}\n';
  expect(await notesOf(oauth + rule)).toEqual([]);
});

describe("rules of production", () => {
  const production = (environment: Record<string, string> = {}): Extra => ({
    defaultMode: "production",
    environment: { MCP_GATEWAY_MASTER_KEY: MASTER_KEY, ...environment },
  });

  test("a good master key is enough", async () => {
    const settings = await settingsOf(undefined, production());
    expect(settings).toMatchObject({
      mode: "production",
      outbound: { allow: [] },
      features: { demo: false },
    });
  });

  test.each([
    ["no master key", { MCP_GATEWAY_MASTER_KEY: "" }, /^master_key: found no master key/],
    [
      "a short key",
      { MCP_GATEWAY_MASTER_KEY: "c2hvcnQ=" },
      /MASTER_KEY: master_key\[0\]: found a key of 5 bytes/,
    ],
    ["a repeated byte", { MCP_GATEWAY_MASTER_KEY: "00".repeat(32) }, /found a key that is not random/],
    ["a passphrase", { MCP_GATEWAY_MASTER_KEY: "correct horse" }, /found a key of|neither base64 nor hex/],
    [
      "plain http",
      { MCP_GATEWAY_URL: "http://gw.example.com" },
      /MCP_GATEWAY_URL: server\.url: .*expected an https URL/,
    ],
    [
      "a bootstrap key of another form",
      { MCP_GATEWAY_BOOTSTRAP_KEY: "hunter2" },
      /a text that is no API key/,
    ],
    ["a weak operator token", { MCP_GATEWAY_OPERATOR_TOKEN: "hunter2" }, /found a token of 7 characters/],
  ])("%s is refused", async (_name, environment, expected) => {
    const problems = await problemsOf(undefined, production(environment));
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toMatch(expected);
    expect(problems.join()).not.toContain("hunter2");
  });

  describe("a database on another machine", () => {
    const refused = async (name: string, value: string) =>
      (await problemsOf(undefined, production({ [name]: value }))).join("\n");

    test.each([
      ["the user's name", "gateway:gateway@db/x"],
      ["the user's name, decorated", "gateway:Gateway-2026!@db/x"],
      ["the database's name", "u:orders_live_eu@db/orders_live_eu"],
      ["the host's name", "u:database01eu@database01eu/x"],
      ["a word of examples", "u:mysecretpassword@db/x"],
      ["a word with look-alikes", "u:P%40ssw0rd123456@db/x"],
      ["a short one", "u:k3Jq9vX@db/x"],
      ["one character over and over", "u:zzzzzzzzzzzzzzzz@db/x"],
      ["a count", "u:123456789012@db/x"],
      ["one in the query", "db/x?user=gateway&password=changeme"],
    ])("with %s as its password is refused, and the setting named", async (_name, rest) => {
      const problem = await refused("DATABASE_URL", `postgres://${rest}`);
      expect(problem).toMatch(
        /^environment variable DATABASE_URL: store\.url: found a password .+ Fix: make one with/,
      );
      const password = /:([^:@]+)@/.exec(rest)?.[1] ?? "changeme";
      expect(problem).not.toContain(password);
      expect(
        await settingsOf(undefined, { environment: { DATABASE_URL: `postgres://${rest}` } }),
      ).toBeDefined();
    });

    test("and Redis", async () => {
      for (const url of [
        "redis://:redis@cache:6379",
        "rediss://default:foobared@cache.example.com",
        "redis://:short@10.0.0.9",
      ])
        expect(await refused("REDIS_URL", url)).toContain(
          "environment variable REDIS_URL: redis.url: found a password",
        );
    });

    test.each([
      ["a random number", "postgres://db:4829104857362910@db/"],
      ["what is no percent-encoding", "postgres://gateway:4f1%zz9b7ad2e85a60@db/gateway"],
      ["a random password", "postgres://gateway:4f1c9b7ad2e85a60@db/gateway"],
      ["none, where the server knows us otherwise", "postgres://gateway@db.example.com/gateway"],
      ["this machine", "postgres://gateway:gateway@127.0.0.1:5432/gateway"],
      ["this machine by name", "postgres://gateway:gateway@localhost/gateway"],
      ["this machine by IPv6", "postgres://gateway:gateway@[::1]/gateway"],
      ["a Unix socket", "postgres://gateway:gateway@%2Fvar%2Frun%2Fpostgresql/gateway"],
      ["a Unix socket in the query", "postgres://gateway:gateway@db/gateway?host=/var/run/postgresql"],
    ])("%s is taken", async (_name, url) => {
      expect(await refused("DATABASE_URL", url)).toBe("");
    });

    test("commands that only read take what they are given", async () => {
      const extra = production({ DATABASE_URL: "postgres://gateway:gateway@db/gateway" });
      expect(await problemsOf(undefined, { ...extra, purpose: "command" })).toEqual([]);
    });
  });

  test("plain http by name can be allowed", async () => {
    const yaml = "server: {require_https: false, url: 'http://gw.internal/'}\n";
    expect((await settingsOf(yaml, production())).server.url).toBe("http://gw.internal");
  });

  test("several master keys", async () => {
    const second = Buffer.from(MASTER_KEY, "base64").reverse().toString("hex");
    const settings = await settingsOf(
      undefined,
      production({ MCP_GATEWAY_MASTER_KEY: `${MASTER_KEY}, ${second}` }),
    );
    expect(settings.secrets.masterKeys).toEqual([MASTER_KEY, second]);
  });

  test("the mode is named exactly", async () => {
    expect(await problemsOf(undefined, { environment: { MCP_GATEWAY_ENV: "dev" } })).toContain(
      'environment variable MCP_GATEWAY_ENV: found "dev", expected one of development, production, test. Fix: did you mean "development"?',
    );
  });
});
