import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownMs } from "../../test/fixtures/own-time.ts";
import { MASTER_KEY, sampleLoader, sampleVerbs } from "./load.testing.ts";
import { loadSettings } from "./load.ts";
import { formatProblem } from "./problem.ts";

const { folder, problemsOf, settingsOf } = sampleLoader();

const server = (lines: string) =>
  `proxy:\n  servers:\n    - ${lines
    .trim()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n      ")}\n`;

describe("mistakes are named with file, line, column and fix", () => {
  const table: [string, string, string | RegExp][] = [
    [
      "an unknown key",
      "server:\n  hosst: 127.0.0.1\n",
      "gateway.yaml:2:3: server.hosst: found an unknown key, expected one of url, host, port, allowed_hosts, trusted_proxies, tls, require_https, shutdown. Fix: did you mean host?",
    ],
    [
      "a key of another section",
      "port: 8080\n",
      "gateway.yaml:1:1: port: found an unknown key, expected a setting of this section. Fix: did you mean server.port?",
    ],
    [
      "a number out of range",
      "server:\n  port: 80800\n",
      "gateway.yaml:2:9: server.port: found 80800, expected a whole number from 0 to 65535.",
    ],
    [
      "a duration without unit",
      "limits:\n  request_timeout: 30\n",
      'gateway.yaml:2:20: limits.request_timeout: found 30, expected a duration such as "30s", "5m" or "1h30m". Fix: add the unit: "30s" for seconds, "30ms" for milliseconds.',
    ],
    [
      "a size of nonsense",
      "limits: {body: huge}\n",
      /^gateway\.yaml:1:16: limits\.body: found "huge", expected a size/,
    ],
    [
      "a misspelt choice",
      "logging:\n  level: warning\n",
      /logging\.level: found "warning", expected one of debug, info, warn, error\./,
    ],
    ["a choice with two letters swapped", "logging:\n  level: wran\n", /Fix: did you mean "warn"\?$/],
    [
      "a list where a map belongs",
      "server:\n  - port\n",
      "gateway.yaml:2:3: server: found a list, expected a map of settings (key: value).",
    ],
    [
      "a text where the whole map belongs",
      "hello\n",
      'gateway.yaml:1:1: found "hello", expected a map of settings (key: value).',
    ],
    [
      "a type that is none, which says nothing of what else is missing",
      server("name: a\ntype: websocket"),
      'gateway.yaml:4:13: proxy.servers[0].type: found "websocket", expected one of streamable-http, sse, stdio.',
    ],
    [
      "a map where a list belongs",
      "proxy:\n  servers:\n    files: {type: stdio}\n",
      'gateway.yaml:3:5: proxy.servers: found a map, expected a list ("- …" entries).',
    ],
    [
      "a server name with capitals",
      server("name: My Files\ntype: stdio\ncommand: x"),
      'gateway.yaml:3:13: proxy.servers[0].name: found "My Files", expected 1 to 32 lower-case letters, digits and hyphens. Fix: "my-files" would do.',
    ],
    [
      "a reserved server name",
      server("name: api\ntype: stdio\ncommand: x"),
      'gateway.yaml:3:13: proxy.servers[0].name: found "api", expected a name that is not a path of the gateway itself. Fix: write api-server.',
    ],
    [
      "the name that patterns of acts of administration begin with",
      server("name: admin\ntype: stdio\ncommand: x"),
      'gateway.yaml:3:13: proxy.servers[0].name: found "admin", expected a name that is not a path of the gateway itself. Fix: write admin-server.',
    ],
    [
      "a missing name",
      server("type: stdio\ncommand: x"),
      "gateway.yaml:3:7: proxy.servers[0].name: found nothing, expected slug (required).",
    ],
    [
      "a stdio server without command",
      server("name: a\ntype: stdio"),
      "gateway.yaml:3:7: proxy.servers[0].command: found nothing, expected the program to run (required for type stdio).",
    ],
    [
      "arguments in the command",
      server("name: a\ntype: stdio\ncommand: npx -y server"),
      /proxy\.servers\[0\]\.command: found "npx -y server", expected one program, without its arguments\. Fix: move the rest to args/,
    ],
    [
      "an HTTP server without URL",
      server("name: a\ntype: streamable-http"),
      /^gateway\.yaml:3:7: proxy\.servers\[0\]\.connection\.url: found nothing, expected the server's URL/,
    ],
    [
      "a URL without scheme",
      server("name: a\ntype: sse\nconnection:\n  url: example.com/mcp"),
      /connection\.url: found "example\.com\/mcp", expected an https or http URL\. Fix: write https:\/\/example\.com\/mcp\./,
    ],
    [
      "auth without its value",
      server("name: a\ntype: sse\nconnection: {url: 'https://x.test'}\nauth: {type: header, header: X-Key}"),
      /auth\.value: found nothing, expected the header's value/,
    ],
    [
      "the same server twice",
      `${server("name: a\ntype: stdio\ncommand: x")}    - {name: a, type: stdio, command: y}\n`,
      'gateway.yaml:6:14: proxy.servers[1].name: found "a" a second time, expected a name used once in its namespace. Fix: rename it, or remove proxy.servers[0].',
    ],
    [
      "an unset variable",
      server('name: a\ntype: sse\nconnection:\n  url: "${N8N_URL}"'),
      "gateway.yaml:6:14: proxy.servers[0].connection.url: found ${N8N_URL}, which is not set, expected a variable that is set. Fix: set N8N_URL, or write ${N8N_URL:-default}.",
    ],
    [
      "a variable in a flow map without quotes",
      "server: {port: ${PORT}}\n",
      /^gateway\.yaml:1:\d+: found a YAML mistake .*Fix: put the value with \$\{…\} in double quotes\.$/,
    ],
    [
      "a key given twice",
      "server:\n  port: 1\n  port: 2\n",
      'gateway.yaml:3:3: found the key "port" a second time, expected each key once. Fix: remove one.',
    ],
    ["an indentation of tabs", "server:\n\tport: 1\n", /Fix: indent with spaces, not tabs\.$/],
    [
      "a wrong origin",
      "cors: {allowed_origins: ['https://x.test/app']}\n",
      /Fix: write https:\/\/x\.test\.$/,
    ],
    ["a wildcard origin", "cors: {allowed_origins: ['*']}\n", /cors\.allowed_origins\[0\]: found "\*"/],
    [
      "a wrong range",
      "server: {trusted_proxies: [10.0.0.0/40]}\n",
      /trusted_proxies\[0\]: found "10\.0\.0\.0\/40"/,
    ],
    ["a wrong exemption", "outbound: {allow: ['http://x']}\n", /outbound\.allow\[0\]: .* Fix: write x\.$/],
    [
      "two stores",
      "store: {url: 'postgres://x/y', path: z}\n",
      /store\.path: found both store\.url and store\.path/,
    ],
  ];
  test.each(table)("%s", async (_name, yaml, expected) => {
    const problems = await problemsOf(yaml);
    expect(problems).toHaveLength(1);
    if (typeof expected === "string") expect(problems[0]).toBe(expected);
    else expect(problems[0]).toMatch(expected);
  });

  test("all at once, in the order of the file", async () => {
    const yaml = `logging: {level: x}\nserver: {port: -1, nope: 1}\n${server("name: UP\ntype: stdio")}`;
    const keys = (await problemsOf(yaml)).map((text) => /: ([a-z_.[\]0-9]+): found/.exec(text)?.[1]);
    expect(keys).toEqual([
      "logging.level",
      "server.port",
      "server.nope",
      "proxy.servers[0].command",
      "proxy.servers[0].name",
    ]);
  });

  test("no secret is shown", async () => {
    const yaml = server(
      'name: a\ntype: sse\nconnection: {url: "ftp://${T}", headers: {a: [s3cret]}}\nauth: {type: header, header: X, value: [s3cret]}',
    );
    const problems = await problemsOf(yaml, { environment: { T: "s3cret" } });
    expect(problems).toHaveLength(3);
    expect(problems.join("\n")).not.toContain("s3cret");
  });

  test("a file that is not there", async () => {
    const loaded = await loadSettings({
      configPath: join(folder, "absent.yaml"),
      environment: {},
      defaultMode: "development",
      purpose: "serve",
      verbs: sampleVerbs,
    });
    expect("problems" in loaded && loaded.problems.map(formatProblem)).toEqual([
      `--config: found ${folder}/absent.yaml, which cannot be read (ENOENT), expected a readable configuration file.`,
    ]);
  });
});

describe("values", () => {
  test("nothing set: the defaults", async () => {
    const settings = await settingsOf(undefined);
    expect(settings).toMatchObject({
      mode: "development",
      role: "all",
      dataDir: join(folder, "data"),
      server: {
        url: "http://localhost:8080",
        host: "127.0.0.1",
        port: 8080,
        loopback: true,
        shutdownDrainMs: 25_000,
      },
      store: { kind: "sqlite", path: join(folder, "data/gateway.db"), migrates: true },
      audit: { durability: "standard", journalDir: join(folder, "data/journal") },
      limits: { bodyBytesMax: 4_194_304, resultBytesMax: 33_554_432, jsonDepthMax: 64 },
      outbound: { allow: ["loopback"] },
      features: { demo: true },
    });
  });

  test("empty sections count as absent", async () => {
    expect((await settingsOf("server:\nproxy:\n  servers:\nlogging:\n  level:\n")).logging.level).toBe(
      "info",
    );
  });

  test("variables are read as what the key wants", async () => {
    const yaml = [
      'server: {port: "${PORT}", allowed_hosts: "${HOSTS}"}',
      'features: {metrics: "${DOCS:-no}"}',
      'limits: {body: "${BODY}"}',
    ].join("\n");
    const environment = { PORT: "9000", HOSTS: "a.test, b.test", BODY: "1MiB" };
    const settings = await settingsOf(yaml, { environment });
    expect(settings.server).toMatchObject({ port: 9000, allowedHosts: ["a.test", "b.test"] });
    expect(settings.features.metrics).toBe(false);
    expect(settings.limits.bodyBytesMax).toBe(1_048_576);
  });

  test("a server with everything", async () => {
    const yaml = server(`
name: n8n
type: streamable-http
namespace: research
connection: {url: "https://n8n.test/mcp", timeout: 30s, headers: {x-a: 1}}
auth: {type: bearer, token: "\${KEY}"}
expose: {tools: ["read_*"], resources: {exclude: ["secret://*"]}}
retry: {safe_tools: [read_a]}
sharing: per_session`);
    const settings = await settingsOf(yaml, { environment: { KEY: "k$y" } });
    expect(settings.servers).toEqual([
      {
        name: "n8n",
        namespace: "research",
        description: "",
        tags: [],
        version: undefined,
        metadata: {},
        connection: {
          type: "streamable-http",
          url: "https://n8n.test/mcp",
          auth: { header: "Authorization", value: "Bearer k$y" },
          headers: { "x-a": "1" },
        },
        timeoutMs: 30_000,
        maxRetries: 3,
        maxConcurrency: 100,
        heartbeatMs: 30_000,
        refreshIntervalMs: 300_000,
        sharing: "per_session",
        protocol: "auto",
        validate: "enforce",
        expose: {
          tools: { include: ["read_*"], exclude: [] },
          resources: { include: [], exclude: ["secret://*"] },
          prompts: { include: [], exclude: [] },
        },
        retry: { safeTools: ["read_a"], trustAnnotations: false },
      },
    ]);
  });

  test("sharing follows the transport", async () => {
    const yaml = `${server("name: a\ntype: stdio\ncommand: x")}    - {name: b, type: streamable-http, connection: {url: 'https://b.test'}}\n`;
    expect((await settingsOf(yaml)).servers.map((entry) => entry.sharing)).toEqual([
      "per_principal",
      "shared",
    ]);
  });

  test("a server that is off may lack its variables", async () => {
    const yaml = `${server('name: a\ntype: sse\nenabled: "${ON:-false}"\nconnection: {url: "${URL_OF_A}"}')}    - {name: b, type: stdio, command: x}\n`;
    expect((await settingsOf(yaml)).servers.map((entry) => entry.name)).toEqual(["b"]);
    expect(await problemsOf(yaml, { environment: { ON: "true" } })).toHaveLength(1);
  });

  test("a command that serves nobody needs no variables of servers, providers and listeners", async () => {
    const yaml = `${server('name: a\ntype: sse\nconnection: {url: "${URL_OF_A}"}')}server: {url: "\${PUBLIC_URL}"}\noauth: {enabled: true, provider: oidc, authorization_servers: ["\${ISSUER}"]}\ndata_dir: "\${DIR:-there}"\n`;
    expect(await problemsOf(yaml)).toHaveLength(3);
    const { servers, providers, dataDir } = await settingsOf(yaml, {
      servesNobody: true,
      purpose: "command",
    });
    expect([servers, providers, dataDir]).toEqual([[], [], expect.stringMatching(/\/there$/)]);
    // What it acts on it must know.
    const unknown = 'data_dir: "${DIR}"\n';
    expect(await problemsOf(unknown, { servesNobody: true, purpose: "command" })).toHaveLength(1);
  });

  test("anchors and merges", async () => {
    const yaml =
      "proxy:\n  servers:\n    - &base {name: a, type: stdio, command: x, timeout: 9s}\n    - {<<: *base, name: b}\n";
    const settings = await settingsOf(yaml);
    expect(settings.servers.map((entry) => [entry.name, entry.timeoutMs])).toEqual([
      ["a", 9000],
      ["b", 9000],
    ]);
  });

  test("nested aliases are bounded", async () => {
    const levels = Array.from({ length: 8 }, (_, level) =>
      level === 0
        ? "a0: &a0 [x]"
        : `a${level}: &a${level} [${Array(12)
            .fill(`*a${level - 1}`)
            .join(",")}]`,
    );
    const startedAt = ownMs();
    expect((await problemsOf(levels.join("\n"))).join("\n")).toContain("more than 200,000 values");
    expect(ownMs() - startedAt).toBeLessThan(5000);
  });
});

describe("precedence", () => {
  const flag = (key: string, value: unknown) => ({
    key,
    value,
    secret: false,
    source: { kind: "flag", name: "--port" } as const,
  });
  const yaml = "server: {port: 1, host: 127.0.0.1}\n";

  test("defaults, file, environment, flags", async () => {
    const environment = { MCP_GATEWAY_PORT: "2" };
    expect((await settingsOf(undefined)).server.port).toBe(8080);
    expect((await settingsOf(yaml)).server.port).toBe(1);
    expect((await settingsOf(yaml, { environment })).server.port).toBe(2);
    expect((await settingsOf(yaml, { environment, flags: [flag("server.port", "3")] })).server.port).toBe(3);
  });

  test("a mistake is reported at the layer it is in", async () => {
    expect(await problemsOf(yaml, { environment: { MCP_GATEWAY_PORT: "x" } })).toEqual([
      'environment variable MCP_GATEWAY_PORT: server.port: found "x", expected a whole number from 0 to 65535.',
    ]);
    expect(await problemsOf(yaml, { flags: [flag("server.port", "x")] })).toEqual([
      '--port: server.port: found "x", expected a whole number from 0 to 65535.',
    ]);
  });

  test("a secret from a file, and never from both", async () => {
    const path = join(folder, "key");
    writeFileSync(path, `${MASTER_KEY}\n`);
    const settings = await settingsOf(undefined, { environment: { MCP_GATEWAY_MASTER_KEY_FILE: path } });
    expect(settings.secrets.masterKeys).toEqual([MASTER_KEY]);
    const both = { MCP_GATEWAY_MASTER_KEY_FILE: path, MCP_GATEWAY_MASTER_KEY: MASTER_KEY };
    expect(await problemsOf(undefined, { environment: both })).toEqual([
      "environment variable MCP_GATEWAY_MASTER_KEY_FILE: found both MCP_GATEWAY_MASTER_KEY and MCP_GATEWAY_MASTER_KEY_FILE, expected one of them. Fix: unset MCP_GATEWAY_MASTER_KEY.",
    ]);
  });
});

describe("anonymous mode", () => {
  test.each([
    [
      "a public bind",
      "server: {host: 0.0.0.0}\n",
      /^gateway\.yaml:2:\d+: auth\.anonymous: .*a loopback server\.host/,
    ],
    ["a trusted proxy", "server: {trusted_proxies: [10.0.0.1]}\n", /auth\.anonymous: .*no trusted proxies/],
  ])("is refused with %s", async (_name, yaml, expected) => {
    expect((await problemsOf(`${yaml}auth: {anonymous: {role: user}}\n`))[0]).toMatch(expected);
  });

  test("is taken on loopback", async () => {
    const settings = await settingsOf("auth: {anonymous: {}}\nserver: {host: '::1'}\n");
    expect(settings.auth.anonymous).toEqual({ role: "user", namespace: "default" });
  });
});
