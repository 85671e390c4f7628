import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { catalogue, type ErrorCode } from "./catalogue.ts";
import { GatewayError } from "./gateway-error.ts";

const names = Object.keys(catalogue) as ErrorCode[];

test("docs/errors.md has a row for every error, in the catalogue's order, with what to do about it", () => {
  const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  const rows = page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  expect(rows.map(([, name, http, rpc, text]) => [name, http, rpc, text])).toEqual(
    names.map((name) => {
      const { http, rpc, text } = catalogue[name];
      return [`\`${name}\``, String(http), String(rpc), text];
    }),
  );
  for (const [, name, , , , whatToDo] of rows)
    expect([name, whatToDo]).toEqual([name, expect.stringMatching(/\w{3}.*\.$/)]);
});

describe("the catalogue", () => {
  test("gives each code of our own to one error, and takes the others from the protocols", () => {
    const own = names.map((name) => catalogue[name].rpc).filter((rpc) => rpc > 0);
    expect(new Set(own).size).toBe(own.length);
    const foreign = new Set(names.map((name) => catalogue[name].rpc).filter((rpc) => rpc < 0));
    for (const rpc of foreign) {
      expect([-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022]).toContain(rpc);
    }
  });

  test("has texts that end, and statuses that HTTP knows", () => {
    for (const name of names) {
      const { http, text } = catalogue[name];
      expect([200, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 415, 422, 429, 500, 503]).toContain(
        http,
      );
      expect([name, text]).toEqual([name, expect.stringMatching(/[.}]$/)]);
      expect(name).toMatch(/^[a-z][a-z_]*[a-z]$/);
    }
  });

  test("has no entry that nothing throws, but those whose feature is still to come", () => {
    const toCome: readonly ErrorCode[] = ["call_lost", "url_refused"];
    const root = new URL("..", import.meta.url).pathname;
    const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter(
        (path) => path.endsWith(".ts") && !path.startsWith("errors/") && !/\.(test|testing)\.ts$/.test(path),
      )
      .map((path) => readFileSync(`${root}/${path}`, "utf8"))
      .join("\n");
    const unused = names.filter((name) => !toCome.includes(name) && !sources.includes(`"${name}"`));
    expect(unused).toEqual([]);
  });
});

describe("an error", () => {
  test("fills its places, keeps those it has no value for, and fills none twice", () => {
    expect(new GatewayError("upstream_timeout", { server: "s", seconds: 3 }).message).toBe(
      "Server s did not answer within 3 s.",
    );
    expect(new GatewayError("tool_unknown").message).toBe("Unknown tool: {name}");
    expect(new GatewayError("tool_unknown", { name: "{name}$&$1" }).message).toBe("Unknown tool: {name}$&$1");
    expect(new GatewayError("tool_unknown", { name: "{constructor}" }).message).toBe(
      "Unknown tool: {constructor}",
    );
  });

  test("of anybody else's becomes internal: the cause is kept, and not told", () => {
    const error = GatewayError.from(new TypeError("password=hunter2"));
    expect([error.code, error.httpStatus, error.rpcCode, error.message]).toEqual([
      "internal",
      500,
      -32603,
      "Internal error.",
    ]);
    expect((error.cause as Error).message).toContain("hunter2");
    expect(JSON.stringify(error)).not.toContain("hunter2");
    expect(GatewayError.from(error)).toBe(error);
    for (const thrown of [undefined, null, "text", 5])
      expect(GatewayError.from(thrown).code).toBe("internal");
  });

  test("holds public data where it has some", () => {
    expect(new GatewayError("resource_unknown", { uri: "x:" }, { data: { uri: "x:" } }).data).toEqual({
      uri: "x:",
    });
    expect(new GatewayError("internal").data).toBeUndefined();
  });
});
