import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { variables } from "./environment.ts";
import { sampleVerbs } from "./load.testing.ts";
import { loadSettings } from "./load.ts";
import { printable } from "./print.ts";
import { formatProblem } from "./problem.ts";
import { configurationReference } from "./reference.ts";

const root = join(import.meta.dir, "../..");
const MASTER_KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 5 + 1)).toString("base64");

test("docs/configuration.md says what the code does (else: mcp-gateway config docs > docs/configuration.md)", () => {
  expect(readFileSync(join(root, "docs/configuration.md"), "utf8")).toBe(configurationReference());
});

test("every variable is documented", () => {
  for (const { name, key, doc } of variables) {
    expect(configurationReference()).toContain(`| \`${name}\` |`);
    expect(key !== undefined || doc !== "").toBe(true);
  }
});

const examples: Record<
  string,
  { mode: "development" | "production" | "test"; variables: Record<string, string> }
> = {
  "development.yaml": { mode: "development", variables: {} },
  "production.yaml": {
    mode: "production",
    variables: { MCP_GATEWAY_MASTER_KEY: MASTER_KEY, MCP_GATEWAY_URL: "https://gateway.example.com" },
  },
  "test.yaml": { mode: "test", variables: {} },
  "example.yaml": { mode: "production", variables: { MCP_GATEWAY_MASTER_KEY: MASTER_KEY } },
};

test("each file of config/ is an example tested here", () => {
  expect(readdirSync(join(root, "config")).sort()).toEqual(Object.keys(examples).sort());
});

test.each(Object.entries(examples))("config/%s is valid", async (name, { mode, variables: environment }) => {
  const configPath = join(root, "config", name);
  const loaded = await loadSettings({
    configPath,
    environment,
    defaultMode: mode,
    purpose: "serve",
    verbs: sampleVerbs,
  });
  expect("problems" in loaded ? loaded.problems.map(formatProblem) : []).toEqual([]);
});

test("the example's servers with secrets come alive with their variables", async () => {
  const environment = {
    MCP_GATEWAY_MASTER_KEY: MASTER_KEY,
    N8N_ENABLED: "true",
    N8N_URL: "https://n8n.example.com/mcp",
    N8N_PROXY_KEY: "n8n-s3cret",
  };
  const configPath = join(root, "config/example.yaml");
  const loaded = await loadSettings({
    configPath,
    environment,
    defaultMode: "production",
    purpose: "serve",
    verbs: sampleVerbs,
  });
  if ("problems" in loaded) throw new Error(loaded.problems.map(formatProblem).join("\n"));
  expect(loaded.settings.servers.map((server) => server.name)).toEqual(["n8n", "files"]);
  expect(loaded.settings.servers[0]?.connection).toMatchObject({
    url: "https://n8n.example.com/mcp",
    auth: { header: "X-API-Key", value: "n8n-s3cret" },
  });
  // What is printed shows neither a secret nor the value of a variable.
  const printed = JSON.stringify(printable(loaded.file, loaded.origins));
  expect(printed).not.toContain("s3cret");
  expect(printed).not.toContain(MASTER_KEY);
  expect(printed).toContain("${N8N_URL}");
  expect(printed).toContain('"value":"********"');
});
