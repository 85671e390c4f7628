import { describe, expect, test } from "bun:test";
import { sampleLoader } from "./load.testing.ts";

const { problemsOf, settingsOf } = sampleLoader();

describe("a server's timeout", () => {
  const http = (lines: string) =>
    `proxy:\n  servers:\n    - name: n8n\n      type: streamable-http\n      ${lines.replaceAll("\n", "\n      ")}\n`;
  const timeoutOf = async (lines: string) => (await settingsOf(http(lines))).servers[0]?.timeoutMs;

  test("is said at either place, or at both with one voice", async () => {
    expect(await timeoutOf("connection: {url: 'https://n.test', timeout: 30s}")).toBe(30_000);
    expect(await timeoutOf("connection: {url: 'https://n.test'}\ntimeout: 30s")).toBe(30_000);
    expect(await timeoutOf("connection: {url: 'https://n.test', timeout: 60s}\ntimeout: 1m")).toBe(60_000);
    expect(await timeoutOf("connection: {url: 'https://n.test'}")).toBe(300_000);
  });

  test("is a mistake when the two places differ", async () => {
    expect(await problemsOf(http("connection: {url: 'https://n.test', timeout: 30s}\ntimeout: 1m"))).toEqual([
      'gateway.yaml:5:52: proxy.servers[0].connection.timeout: found "30s", expected the same as timeout, which is 1m: both mean the whole call. Fix: keep one of the two.',
    ]);
  });

  test("the example users of such gateways know is taken as it is", async () => {
    const example = `
server: { url: "http://localhost:8080", host: 127.0.0.1, port: 8080 }
proxy:
  servers:
    - name: n8n
      type: streamable-http          # streamable-http | sse | stdio
      connection: { url: "\${N8N_URL}", timeout: 30s }
      auth: { type: header, header: x-n8n-key, value: "\${N8N_PROXY_KEY}" }   # header | bearer | none
    - name: files
      type: stdio
      command: npx
      args: ["-y", "@modelcontextprotocol/server-filesystem", "/srv/share"]
      environment: { LOG_LEVEL: warn }
      working_dir: /srv
`;
    const environment = { N8N_URL: "https://n8n.test/mcp", N8N_PROXY_KEY: "s3cret" };
    const { servers } = await settingsOf(example, { environment });
    expect(servers.map(({ name, timeoutMs }) => [name, timeoutMs])).toEqual([
      ["n8n", 30_000],
      ["files", 300_000],
    ]);
  });
});

describe("what is sent in headers", () => {
  const http = (members: string) =>
    problemsOf(
      `proxy: {servers: [{name: a, type: streamable-http, connection: {url: "https://a.test", headers: {${members.split("|")[1] ?? ""}}}, auth: {${members.split("|")[0]}}}]}\n`,
    );

  test.each([
    ['type: bearer, token: "two words"', "auth.token", "without spaces"],
    ['type: bearer, token: "Bearer abc"', "auth.token", "leave out the word Bearer"],
    ['type: bearer, token: "line\\n"', "auth.token", "without spaces"],
    ['type: bearer, token: "schlüssel"', "auth.token", "visible ASCII"],
    ['type: bearer, value: "two words"', "auth.value", "without spaces"],
    ['type: header, header: "x a", value: v', "auth.header", "a header name"],
    ["type: header, header: Host, value: v", "auth.header", "does not set itself"],
    ["type: header, header: mcp-session-id, value: v", "auth.header", "does not set itself"],
    ['type: header, header: x-a, value: "a\\r\\nx-b: c"', "auth.value", "one line"],
    ['type: header, header: x-a, value: "ł"', "auth.value", "Latin-1"],
    ['type: none|x-a: "a\\tb\\0"', "connection.headers.x-a", "one line"],
    ['type: none|"x a": b', 'connection.headers."x a"', "a header name"],
  ])("%s is refused", async (members, key, expected) => {
    const problems = await http(members);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`proxy.servers[0].${key}: `);
    expect(problems[0]).toContain(expected);
    for (const secret of ["two words", "Bearer abc", "schlüssel", "x-b", "ł"])
      expect(problems[0]).not.toContain(secret);
  });

  test("what can be sent is taken", async () => {
    expect(await http('type: bearer, token: "abc.DEF-1_2~+/=="')).toEqual([]);
    expect(await http('type: header, header: X-Key, value: "Token a; b=\\"ü\\""')).toEqual([]);
    // Of a set that was copied the gateway leaves out what it says itself.
    expect(await http("type: none|content-type: text/plain, x-a: b")).toEqual([]);
  });
});
