import { expect, test } from "bun:test";
import type { Outcome } from "../../model/call.ts";
import { InProcessUpstream, tool } from "../../model/ports/in-process-upstream.testing.ts";
import { sampleExchange, sampleServer } from "../../model/sample-exchange.testing.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import { verdict } from "../arrival.testing.ts";
import { mirroredHeadersPolicy } from "./mirrored-headers.ts";

const ok: Outcome = { kind: "result", result: {}, exact: false };
const server = sampleServer("s");
const definition = tool("t", {
  inputSchema: { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } },
});

function at(args: JsonObject, headers: Record<string, string> | undefined, own = definition) {
  const exchange = sampleExchange({
    params: { name: "t", arguments: args },
    mirroredHeaders: headers && new Headers(headers),
  });
  const upstream = new InProcessUpstream(server, {});
  exchange.target = { kind: "tool", server, upstream, name: "t", definition: own, repeatable: false };
  return verdict(() => mirroredHeadersPolicy()(exchange, () => ok));
}

test.each([
  ["the same value", { region: "eu" }, { "mcp-param-region": "eu" }, "passed"],
  ["the same value, wrapped", { region: "eü" }, { "mcp-param-region": "=?base64?ZcO8?=" }, "passed"],
  ["no argument and no header", {}, {}, "passed"],
  ["no header", { region: "eu" }, {}, "header_mismatch"],
  ["another value", { region: "eu" }, { "mcp-param-region": "us" }, "header_mismatch"],
  ["bad padding", { region: "Hello" }, { "mcp-param-region": "=?base64?SGVsbG8?=" }, "header_mismatch"],
  [
    "a bad alphabet",
    { region: "Hello" },
    { "mcp-param-region": "=?base64?SGVs!!!bG8=?=" },
    "header_mismatch",
  ],
  ["a revision without such headers", { region: "eu" }, undefined, "passed"],
])("%s", async (_what, args, headers, expected) => {
  expect(await at(args as JsonObject, headers as never)).toBe(expected);
});

test("a tool that mirrors nothing needs no header", async () => {
  expect(await at({ region: "eu" }, {}, tool("plain"))).toBe("passed");
});
