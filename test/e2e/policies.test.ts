import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "./child.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { fixtureStdioEntry } from "./upstreams.ts";

// One gateway, two servers of everything: `open` is hidden in parts, `shut` as a whole. What a policy denies must not be
// there on any path, and what a condition on the call denies must say so.

let gateway: Gateway;
let next = 0;

const rules = [
  { name: "no-echo", effect: "deny", resources: ["open:test_echo"] },
  { name: "no-prompt", effect: "deny", actions: ["get"], resources: ["open:prompt:test_simple_prompt"] },
  { name: "no-static", effect: "deny", actions: ["read"], resources: ["open:resource:test://static-text"] },
  { name: "no-shut", effect: "deny", resources: ["shut:*"] },
  {
    name: "no-secrets",
    effect: "deny",
    actions: ["get"],
    resources: ["open:prompt:test_prompt_with_arguments"],
    condition: 'args.arg1.matches("^secret")',
  },
];

beforeAll(async () => {
  gateway = await startGateway({
    servers: [fixtureStdioEntry("open", "both"), fixtureStdioEntry("shut", "both")],
    settings: { policies: { rules } as never },
  });
  await eventually(
    "the servers answer",
    async () => (await names("tools/list", "tools")).length > 0 || undefined,
  );
});
afterAll(() => gateway?.stop());

interface Answer {
  readonly status: number;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data?: Record<string, unknown>;
  };
  readonly result?: Record<string, unknown>;
}

async function ask(method: string, params: object = {}, server?: string): Promise<Answer> {
  const named = params as { name?: string; uri?: string };
  const name = named.name ?? named.uri;
  const response = await fetch(gateway.mcpUrl(server), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(name !== undefined && { "mcp-name": name }),
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: ++next,
      method,
      params: {
        ...params,
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientCapabilities": {},
          "io.modelcontextprotocol/clientInfo": { name: "policies", version: "1" },
        },
      },
    }),
  });
  const text = await response.text();
  const data = text
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5))
    .at(-1);
  return { status: response.status, ...JSON.parse(data ?? text) };
}
async function names(method: string, key: string, server?: string): Promise<string[]> {
  const { result } = await ask(method, {}, server);
  const items = (result?.[key] ?? []) as { name: string; uri?: string }[];
  return items.map((item) => (method === "resources/list" ? (item.uri as string) : item.name));
}
/** The refusal without what differs between two requests. */
async function refusal(method: string, params: object, server?: string): Promise<string> {
  const { status, error } = await ask(method, params, server);
  const { correlationId: _, ...data } = error?.data ?? {};
  return JSON.stringify({ status, code: error?.code, message: error?.message, data });
}

describe("what a policy denies does not exist", () => {
  test("in lists, merged and of one server", async () => {
    const merged = await names("tools/list", "tools");
    expect(merged).toContain("open__test_simple_text");
    expect(merged.filter((name) => name.startsWith("shut") || name.includes("test_echo"))).toEqual([]);
    expect(await names("tools/list", "tools", "open")).not.toContain("test_echo");
    expect(await names("prompts/list", "prompts")).not.toContain("open__test_simple_prompt");
    expect(await names("resources/list", "resources")).not.toContain("test://static-text");
  });

  test.each([
    ["tools/call", "name", ["open__test_echo", "open:test_echo", "shut__test_simple_text", "test_echo"]],
    ["prompts/get", "name", ["open__test_simple_prompt", "open:test_simple_prompt", "test_simple_prompt"]],
    ["resources/read", "uri", ["test://static-text"]],
  ] as const)("%s, by every name, reads as unknown", async (method, key, all) => {
    const unknown = await refusal(method, { [key]: "NAME" });
    for (const name of all)
      expect((await refusal(method, { [key]: name })).replaceAll(name, "NAME")).toBe(unknown);
  });

  test("completion, the server's own endpoint, and the status", async () => {
    const complete = (name: string) =>
      refusal("completion/complete", {
        ref: { type: "ref/prompt", name },
        argument: { name: "arg1", value: "" },
      });
    expect((await complete("open__test_simple_prompt")).replace("open__test_simple_prompt", "N")).toBe(
      (await complete("nothing")).replace("nothing", "N"),
    );
    expect((await ask("tools/list", {}, "shut")).status).toBe(
      (await ask("tools/list", {}, "nowhere")).status,
    );
    expect((await ask("tools/list", {}, "shut")).status).toBe(404);
    const status = (await (await fetch(`${gateway.origin}/mcp/status`)).json()) as {
      servers: { name: string }[];
    };
    expect(status.servers.map(({ name }) => name)).toEqual(["open"]);
  });
});

test("a condition on the arguments leaves the prompt visible, and its refusal names the policy", async () => {
  const name = "open__test_prompt_with_arguments";
  expect(await names("prompts/list", "prompts")).toContain(name);
  const get = (arg1: string) => ask("prompts/get", { name, arguments: { arg1, arg2: "x" } });
  expect((await get("plain")).result).toBeDefined();
  const { error, status } = await get("secret plan");
  expect([status, error?.code, error?.message]).toEqual([200, 1030, "Denied by policy no-secrets."]);
  expect(error?.data).toMatchObject({ code: "policy_denied", policy: "no-secrets" });
  expect(String(error?.data?.correlationId)).toMatch(/.{16}/);
});

test("a change of the file's policies is in force without a restart", async () => {
  const path = join(gateway.folder, "gateway.yaml");
  const before = await readFile(path, "utf8");
  await writeFile(path, before.replace("open:test_echo", "open:test_simple_text"));
  await eventually(
    "the tool is back",
    async () => (await names("tools/list", "tools")).includes("open__test_echo") || undefined,
  );
  expect(await names("tools/list", "tools")).not.toContain("open__test_simple_text");
});
