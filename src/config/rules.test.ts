import { describe, expect, test } from "bun:test";
import { type Extra, MASTER_KEY, sampleLoader } from "./load.testing.ts";

const { problemsOf, settingsOf } = sampleLoader();

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
