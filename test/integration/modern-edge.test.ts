import { describe, expect, test } from "bun:test";
import { said, tool } from "../../src/model/ports/in-process-upstream.testing.ts";
import type { JsonObject } from "../../src/protocol/json-value.ts";
import { BODY_BYTES_MAX, HttpGateway, type JsonRpc, MODERN } from "./http-gateway.ts";

const versionKey = "io.modelcontextprotocol/protocolVersion";
const capabilitiesKey = "io.modelcontextprotocol/clientCapabilities";
const offer = {
  tools: [
    tool("echo"),
    tool("region", {
      inputSchema: { type: "object", properties: { r: { type: "string", "x-mcp-header": "Region" } } },
    }),
  ],
  prompts: [{ name: "greet" }],
  resources: [{ uri: "test://1", name: "one" }],
};
const oneServer = () => new HttpGateway([{ name: "s", offer }]);

async function told(response: Response): Promise<{ status: number; body: JsonRpc }> {
  return { status: response.status, body: (await response.json()) as JsonRpc };
}

describe("what a request has to say of itself, in this order", () => {
  const missing = (key: string) => ({ [key]: undefined as never });
  test.each([
    ["no version in the body, though in the header", { meta: missing(versionKey) }, 400, -32602],
    ["no capabilities", { meta: missing(capabilitiesKey) }, 400, -32602],
    ["capabilities that are no object", { meta: { [capabilitiesKey]: "all" } }, 400, -32602],
    ["no client info is fine", { meta: {} }, 200, undefined],
    ["versions that disagree", { meta: { [versionKey]: "v999.0.0" } }, 400, -32020],
    ["an older version in the header", { headers: { "mcp-protocol-version": "2025-11-25" } }, 400, -32020],
    [
      "versions we do not know",
      { meta: { [versionKey]: "v999.0.0" }, headers: { "mcp-protocol-version": "v999.0.0" } },
      400,
      -32022,
    ],
    ["no Mcp-Method", { headers: { "mcp-method": "" } }, 400, -32020],
    ["another Mcp-Method", { headers: { "mcp-method": "tools/call" } }, 400, -32020],
    ["Mcp-Method in another case", { headers: { "mcp-method": "Tools/List" } }, 400, -32020],
    ["Mcp-Method with spaces around it", { headers: { "mcp-method": "  tools/list\t" } }, 200, undefined],
  ])("%s", async (_what, over, status, code) => {
    await using http = oneServer();
    const answer = await told(await http.modern("tools/list", {}, { id: "req-7", ...(over as object) }));
    expect(answer.status).toBe(status);
    expect(answer.body.id).toBe("req-7");
    expect(answer.body.error?.code).toBe(code as never);
    if (code === undefined) expect(answer.body.result?.resultType).toBe("complete");
  });

  test.each([
    ["missing", { "mcp-name": "" }, 400],
    ["another", { "mcp-name": "s__other" }, 400],
    ["in another case", { "mcp-name": "S__echo" }, 400],
    ["with spaces around it", { "mcp-name": " s__echo " }, 200],
    ["wrapped", { "mcp-name": `=?base64?${Buffer.from("s__echo").toString("base64")}?=` }, 200],
    ["badly wrapped", { "mcp-name": "=?base64?c19fZWNobw?=" }, 400],
  ])("Mcp-Name %s", async (_what, headers, status) => {
    await using http = oneServer();
    const answer = await told(await http.modern("tools/call", { name: "s__echo" }, { headers }));
    expect(answer.status).toBe(status);
    expect(answer.body.error?.code).toBe(status === 400 ? -32020 : (undefined as never));
  });

  test("headers that mirror arguments", async () => {
    await using http = oneServer();
    const call = (headers: Record<string, string>) =>
      http.modern("tools/call", { name: "s__region", arguments: { r: "Hello" } }, { headers });
    expect((await call({ "mcp-param-region": "Hello" })).status).toBe(200);
    expect((await call({ "mcp-param-region": "=?base64?SGVsbG8=?=" })).status).toBe(200);
    for (const headers of [
      {},
      { "mcp-param-region": "other" },
      { "mcp-param-region": "=?base64?SGVsbG8?=" },
      { "mcp-param-region": "=?base64?SGVs!!!bG8=?=" },
      { "mcp-param-region": "=?base64?SGVsbG8=" },
      { "mcp-param-region": "SGVsbG8=?=" },
    ]) {
      const answer = await told(await call(headers as never));
      expect([answer.status, answer.body.error?.code]).toEqual([400, -32020]);
    }
    expect(http.inner.upstream("s").calls).toHaveLength(2);
  });

  test("the error of an unknown version names what server/discover names, and nothing else", async () => {
    await using http = oneServer();
    const version = { meta: { [versionKey]: "v999.0.0" }, headers: { "mcp-protocol-version": "v999.0.0" } };
    const { body } = await told(await http.modern("tools/list", {}, version));
    const discovered = await told(await http.modern("server/discover"));
    expect(body.error?.data).toMatchObject({
      requested: "v999.0.0",
      supported: discovered.body.result?.supportedVersions as never,
    });
    expect(discovered.body.result).toMatchObject({
      supportedVersions: [MODERN],
      resultType: "complete",
      ttlMs: expect.any(Number),
      cacheScope: "private",
      capabilities: { tools: { listChanged: true }, prompts: {}, resources: {} },
      _meta: { "io.modelcontextprotocol/serverInfo": { name: "mcp-gateway", version: expect.any(String) } },
    });
  });
});

describe("methods", () => {
  test.each([
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "unknown/method",
    "acme/x",
  ])("%s is not found, with the request's id", async (method) => {
    await using http = oneServer();
    for (const path of ["/mcp", "/servers/s/mcp", "/s"]) {
      const answer = await told(await http.modern(method, { uri: "test://1" }, { id: 500, path }));
      expect(answer).toMatchObject({ status: 404, body: { id: 500, error: { code: -32601 } } });
    }
    expect(http.inner.upstream("s").calls).toEqual([]);
  });

  test("every list and read has its caching members, and every result its type", async () => {
    await using http = oneServer();
    http.inner.upstream("s").answer = (call) => ({
      kind: "result",
      result:
        call.method === "resources/read" ? { contents: [{ uri: "test://1", text: "x" }] } : { messages: [] },
      exact: false,
    });
    for (const [method, params] of [
      ["tools/list", {}],
      ["prompts/list", {}],
      ["resources/list", {}],
      ["resources/templates/list", {}],
      ["resources/read", { uri: "test://1" }],
    ] as const) {
      const { body } = await told(await http.modern(method, params));
      expect([method, body.result?.cacheScope, body.result?.resultType]).toEqual([
        method,
        "private",
        "complete",
      ]);
      expect(body.result?.ttlMs).toBeGreaterThanOrEqual(0);
    }
  });

  test("one server's endpoint has its own names, the merged one has ours, and both are called as listed", async () => {
    await using http = oneServer();
    for (const [path, name] of [
      ["/mcp", "s__echo"],
      ["/servers/s/mcp", "echo"],
      ["/s", "echo"],
      ["/namespaces/default/servers/s/mcp", "echo"],
    ] as const) {
      const { body } = await told(await http.modern("tools/list", {}, { path }));
      expect((body.result?.tools as { name: string }[] | undefined)?.[0]?.name).toBe(name);
      const called = await told(await http.modern("tools/call", { name }, { path }));
      expect(called.body.result?.content).toEqual([{ type: "text", text: "s" }]);
    }
  });

  test("an unknown resource says which, in band", async () => {
    await using http = oneServer();
    const uri = "nope://nonexistent";
    const answer = await told(await http.modern("resources/read", { uri }));
    expect(answer).toMatchObject({ status: 200, body: { error: { code: -32602, data: { uri } } } });
  });
});

describe("what a server answers reaches the client", () => {
  const answering = (outcome: unknown) => new HttpGateway([{ name: "s", answer: () => outcome as never }]);
  test.each([
    [-32021, { requiredCapabilities: { sampling: {} } }, 400, -32021],
    [-32602, { uri: "x:" }, 200, -32602],
    [-32002, { uri: "x:" }, 200, -32602],
    [-32603, undefined, 200, -32603],
  ])("error %p", async (code, data, status, expected) => {
    await using http = answering({
      kind: "error",
      error: { code, message: "as it said", ...(data && { data }) },
      exact: false,
    });
    const answer = await told(await http.modern("tools/call", { name: "s__echo" }, { id: "a" }));
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({
      jsonrpc: "2.0",
      id: "a",
      error: { code: expected, message: "as it said", ...(data && { data }) },
    } as never);
  });

  test("questions with their keys, params and a state", async () => {
    const inputRequests = {
      user_name: { method: "elicitation/create", params: { requestedSchema: { default: 95.5 } } },
    };
    await using http = answering({
      kind: "result",
      result: { resultType: "input_required", inputRequests, requestState: "inner" },
      exact: false,
    });
    const { body } = await told(await http.modern("tools/call", { name: "s__echo" }));
    expect(body.result).toMatchObject({ resultType: "input_required", inputRequests });
    expect(body.result?.requestState).not.toBe("inner");
    expect(body.result).not.toHaveProperty("ttlMs");
  });

  test("a client's capabilities, as it declared them for this request", async () => {
    await using http = new HttpGateway([{ name: "s", answer: said("x") }]);
    for (const capabilities of [{ sampling: {} }, {}, { elicitation: {}, "x-own": 1 }]) {
      await http.modern("tools/call", { name: "s__echo" }, { meta: { [capabilitiesKey]: capabilities } });
      expect(http.inner.upstream("s").calls.at(-1)?.client.capabilities).toEqual(capabilities as JsonObject);
    }
  });

  test("numbers and ids keep every digit", async () => {
    await using http = oneServer();
    const head = {
      "content-type": "application/json",
      "mcp-protocol-version": MODERN,
      "mcp-method": "tools/call",
      "mcp-name": "s__echo",
    };
    const { parseMessage } = await import("../../src/protocol/json.ts");
    const result = parseMessage('{"content":[],"structuredContent":{"2":9223372036854775807,"1":1.0}}').value;
    http.inner.upstream("s").answer = () => ({ kind: "result", result, exact: true });
    const body = `{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"s__echo","arguments":{"n":1e400},"_meta":{"${versionKey}":"${MODERN}","${capabilitiesKey}":{}}}}`;
    const text = await (await http.send("POST", head, body)).text();
    expect(text).toContain('"id":9007199254740993');
    expect(text).toContain('"structuredContent":{"2":9223372036854775807,"1":1.0}');
    const { stringify } = await import("../../src/protocol/json.ts");
    expect(stringify(http.inner.upstream("s").calls[0]?.params ?? null, true)).toContain(
      '"arguments":{"n":1e400}',
    );
  });
});

describe("HTTP", () => {
  test("a notification is accepted, a request without an id is none", async () => {
    await using http = oneServer();
    const head = { "content-type": "application/json", "mcp-protocol-version": MODERN };
    const note = await http.send(
      "POST",
      head,
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}',
    );
    expect([note.status, await note.text()]).toEqual([202, ""]);
    for (const id of ["null", "{}", "[1]", "true"]) {
      const answer = await told(
        await http.send("POST", head, `{"jsonrpc":"2.0","id":${id},"method":"tools/list","params":{}}`),
      );
      expect(answer).toMatchObject({ status: 400, body: { error: { code: -32600 } } });
      expect(answer.body).not.toHaveProperty("id");
    }
  });

  test.each([
    ["not JSON", "{", 400, -32700],
    ["nothing", "", 400, -32700],
    ["a batch", "[]", 400, -32600],
    ["a number", "5", 400, -32600],
    ["a doubled member", '{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}', 400, -32600],
    ["__proto__", '{"jsonrpc":"2.0","id":1,"method":"tools/list","__proto__":{}}', 400, -32600],
    ["params that are a list", '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}', 400, -32602],
  ])("%s is refused", async (_what, body, status, code) => {
    await using http = oneServer();
    const head = { "content-type": "application/json", "mcp-protocol-version": MODERN };
    const answer = await told(await http.send("POST", head, body));
    expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
    expect(answer.body.error?.data?.correlationId).toBeString();
  });

  test("media types", async () => {
    await using http = oneServer();
    const post = (type: string | undefined) =>
      http.modern("tools/list", {}, { headers: { "content-type": type as never } });
    for (const type of ["application/json", "Application/JSON; charset=utf-8", "application/json ;x=y"]) {
      expect((await post(type)).status).toBe(200);
    }
    for (const type of [
      "text/plain",
      "application/jsonx",
      "application/x-www-form-urlencoded",
      "text/plain, application/json",
    ]) {
      expect((await post(type)).status).toBe(415);
    }
  });

  test("GET and DELETE have no meaning without a session, and other methods never", async () => {
    await using http = oneServer();
    for (const method of ["GET", "DELETE", "PUT", "PATCH"]) {
      const response = await http.send(
        method,
        { "mcp-protocol-version": MODERN, accept: "text/event-stream" },
        undefined,
      );
      expect([method, response.status]).toEqual([method, 405]);
      expect(response.headers.get("allow")).toContain("POST");
    }
  });

  test("too large a body is refused, declared or not", async () => {
    await using http = oneServer();
    const text = JSON.stringify({ pad: "x".repeat(BODY_BYTES_MAX) });
    const head = { "content-type": "application/json" };
    expect((await http.send("POST", head, text)).status).toBe(413);
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text));
        controller.close();
      },
    });
    const undeclared = await fetch(http.url(), {
      method: "POST",
      headers: { ...head, authorization: "Bearer key-of-alice" },
      body: stream,
    });
    expect(undeclared.status).toBe(413);
  });

  test("foreign hosts and origins, and strangers, get nowhere", async () => {
    await using http = oneServer();
    const status = async (headers: Record<string, string>) =>
      (await http.modern("server/discover", {}, { headers })).status;
    expect(await status({ host: "evil.example.com", origin: "http://evil.example.com" })).toBe(403);
    expect(await status({ host: "evil.example.com" })).toBe(403);
    expect(await status({ origin: "http://evil.example.com" })).toBe(403);
    expect(await status({ host: `localhost:${http.port}`, origin: `http://localhost:${http.port}` })).toBe(
      200,
    );
    const stranger = await http.modern("server/discover", {}, { key: "wrong" });
    expect([stranger.status, stranger.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(await stranger.text()).not.toContain("wrong");
  });

  test("three requests at once, whatever the order of Accept", async () => {
    await using http = oneServer();
    const headers = { accept: "text/event-stream, application/json" };
    const answers = await Promise.all(
      [1000, 1001, 1002].map((id) => http.modern("tools/list", {}, { id, headers }).then(told)),
    );
    expect(answers.map(({ status, body }) => [status, body.id])).toEqual([
      [200, 1000],
      [200, 1001],
      [200, 1002],
    ]);
  });
});
