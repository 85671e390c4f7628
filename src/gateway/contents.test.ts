import { describe, expect, test } from "bun:test";
import {
  type GatewayOptions,
  InProcessGateway,
  sealerOfOneKey,
} from "../../test/integration/in-process-gateway.ts";
import type { Outcome } from "../model/call.ts";
import type { CallContentEntry } from "../model/log-entry.ts";
import { tool } from "../model/ports/in-process-upstream.testing.ts";
import type { ContentLevel } from "../model/ports/journal.ts";
import { type OpenedContent, openContent } from "../policy/record/sealed-content.ts";
import type { JsonObject } from "../protocol/json-value.ts";

const GATEWAY_KEY = `mgw_${"A1b2".repeat(9)}zz`;
const UPSTREAM_SECRET = "upstream-secret-1";
const given = { text: "a text", password: "hunter22", bearer: `key ${GATEWAY_KEY}` };
const connection = {
  type: "streamable-http" as const,
  url: "http://s.test/mcp",
  auth: { header: "Authorization", value: `Bearer ${UPSTREAM_SECRET}` },
  headers: {},
};

/** One server that repeats what it was given, and what it was shown. */
function gatewayOf(auditContent: ContentLevel | undefined, options: GatewayOptions = {}): InProcessGateway {
  const answer = ({ params }: { params: JsonObject }): Outcome => ({
    kind: "result",
    result: {
      content: [{ type: "text", text: `got ${JSON.stringify(params.arguments)}` }],
      shown: UPSTREAM_SECRET,
    },
    exact: false,
    bytes: 123,
  });
  return new InProcessGateway([{ name: "s", answer, over: { auditContent, connection } }], options);
}
const call = (args: JsonObject = given) => ({ params: { name: "s__echo", arguments: args } });

function contentsOf(gateway: InProcessGateway): OpenedContent[] {
  return gateway
    .records()
    .filter(({ kind }) => kind === "call_content")
    .map(({ body }) => openContent(sealerOfOneKey(), body as unknown as CallContentEntry));
}
const kinds = (gateway: InProcessGateway) => gateway.records().map(({ kind }) => kind);

describe("what is kept of what is said", () => {
  test("none: not even a digest, of refusals neither", async () => {
    await using gateway = gatewayOf("none", { contents: { level: "none" } });
    await gateway.handle(call());
    await gateway.verdict({ params: { ...call().params, name: "s__unknown" } });
    expect(kinds(gateway)).toEqual(["call_intent", "call_outcome", "call_refused"]);
    for (const { body } of gateway.records()) expect(body).not.toHaveProperty("argumentsDigest");
  });

  test.each(["digest", undefined] as const)("%s: the digest of the arguments as sent", async (level) => {
    await using gateway = gatewayOf(level);
    await gateway.handle(call());
    expect(kinds(gateway)).toEqual(["call_intent", "call_outcome"]);
    const digest = Bun.SHA256.hash(JSON.stringify(given), "hex");
    expect(gateway.records()[0]?.body.argumentsDigest).toBe(digest);
  });

  test("redacted: arguments before the intent, the result before the outcome, without secrets", async () => {
    await using gateway = gatewayOf("redacted");
    await gateway.handle(call());
    expect(kinds(gateway)).toEqual(["call_content", "call_intent", "call_content", "call_outcome"]);
    const [args, result] = contentsOf(gateway);
    const kept = { text: "a text", password: "[redacted]", bearer: "[redacted]" };
    expect(args).toMatchObject({ part: "arguments", level: "redacted", state: "whole", value: kept });
    expect(JSON.stringify(result?.value)).not.toMatch(/hunter22|mgw_|upstream-secret/);
    expect(result).toMatchObject({ part: "result", value: { shown: "[redacted]" } });
    // A digest of the arguments as sent, beside them without the password, would let the password be guessed.
    const digest = Bun.SHA256.hash(JSON.stringify(kept), "hex");
    expect(gateway.records()[1]?.body.argumentsDigest).toBe(digest);
  });

  test("full: everything but credentials", async () => {
    await using gateway = gatewayOf("full");
    await gateway.handle(call());
    const [args, result] = contentsOf(gateway);
    expect(args?.value).toEqual({ ...given, bearer: "key [redacted]" });
    expect(JSON.stringify(result?.value)).toContain("hunter22");
    expect(JSON.stringify(result?.value)).not.toMatch(/mgw_|upstream-secret/);
  });

  test.each(["none", "digest", "redacted", "full"] as const)(
    "%s: no secret stands in the journal",
    async (level) => {
      await using gateway = gatewayOf(level);
      await gateway.handle(call());
      expect(JSON.stringify(gateway.records())).not.toMatch(/hunter22|mgw_A1b2|upstream-secret|a text/);
    },
  );

  test("an error of the server, and a call without arguments", async () => {
    const answer = (): Outcome => ({
      kind: "error",
      error: { code: -32099, message: "no password=hunter22" },
      exact: false,
    });
    await using gateway = new InProcessGateway([{ name: "s", answer, over: { auditContent: "redacted" } }]);
    await gateway.handle({ params: { name: "s__echo" } });
    expect(contentsOf(gateway)).toMatchObject([
      { part: "error", value: { code: -32099, message: "no password=[redacted]" } },
    ]);
  });

  test("what the schemas of the tool mark is taken out of arguments and structured result", async () => {
    const marked = {
      type: "object",
      properties: { inner: { $ref: "#/$defs/s" } },
      $defs: { s: { format: "password" } },
    };
    const offered = { ...tool("echo", { inputSchema: marked }), outputSchema: marked };
    const answer = (): Outcome => ({
      kind: "result",
      result: { content: [], structuredContent: { inner: "yy" } },
      exact: false,
    });
    await using gateway = new InProcessGateway([
      { name: "s", offer: { tools: [offered] }, answer, over: { auditContent: "redacted" } },
    ]);
    await gateway.handle(call({ inner: "xx" }));
    expect(contentsOf(gateway)).toMatchObject([
      { value: { inner: "[redacted]" } },
      { value: { structuredContent: { inner: "[redacted]" } } },
    ]);
  });
});

describe("bounds", () => {
  test("a long text is cut at a character, with its size and the digest of the whole; a larger one leaves its size", async () => {
    await using gateway = gatewayOf("full", { contents: { bytesMax: 1_024 } });
    const text = "ü".repeat(2_000);
    await gateway.handle(call({ text }));
    const [args, result] = contentsOf(gateway);
    const whole = JSON.stringify({ text });
    expect(args).toMatchObject({
      state: "truncated",
      bytes: Buffer.byteLength(whole),
      digest: Bun.SHA256.hash(whole, "hex"),
      value: null,
    });
    expect(whole.startsWith(args?.head as string)).toBe(true);
    expect(Buffer.byteLength(args?.head as string)).toBeWithin(1_020, 1_025);
    expect(result?.state).toBe("truncated");
    await gateway.handle(call({ text: "x".repeat(1 << 20) }));
    const [, , large, answer] = contentsOf(gateway);
    expect(large).toMatchObject({ part: "arguments", state: "omitted" });
    expect(answer).toMatchObject({ part: "result", state: "omitted", bytes: 123 });
  });

  test("another master key does not open it, nor another call's place", async () => {
    await using gateway = gatewayOf("full");
    await gateway.handle(call());
    const [record] = gateway.records();
    const entry = record?.body as unknown as CallContentEntry;
    expect(openContent(sealerOfOneKey(), { ...entry, callId: Bun.randomUUIDv7() }).state).toBe("unreadable");
    expect(openContent(sealerOfOneKey(), { ...entry, part: "result" }).state).toBe("unreadable");
  });
});

describe("questions to the client", () => {
  const asking = (auditContent: ContentLevel) =>
    new InProcessGateway([
      {
        name: "s",
        over: { auditContent },
        answer: async (asked) => {
          const { city } = await asked.ask({
            city: { method: "elicitation/create", params: { message: "Which city?" } },
          });
          return { kind: "result", result: { content: [], echoed: city ?? null }, exact: false };
        },
      },
    ]);
  const answered = {
    ...call(),
    ask: async () => ({ city: { action: "accept", content: { city: "Springfield" } } }),
  };

  test("redacted: what was answered keeps its shape alone, in the result too; full: as it is; digest: not at all", async () => {
    await using redacted = asking("redacted");
    await redacted.handle(answered);
    const shape = { action: "accept", content: { city: "[redacted]" } };
    expect(contentsOf(redacted)).toMatchObject([
      { part: "arguments" },
      { part: "answers", value: { city: shape } },
      { part: "result", value: { echoed: shape } },
    ]);
    await using full = asking("full");
    await full.handle(answered);
    expect(contentsOf(full)[1]).toMatchObject({
      part: "answers",
      value: { city: { content: { city: "Springfield" } } },
    });
    await using digest = asking("digest");
    await digest.handle(answered);
    expect(kinds(digest)).toEqual(["call_intent", "call_outcome"]);
  });

  test("answers to a modern server come with the call that brings them", async () => {
    await using gateway = gatewayOf("redacted");
    const inputResponses = { q: { action: "accept", content: { code: "Springfield" } } };
    await gateway.handle({ params: { ...call().params, inputResponses } });
    expect(contentsOf(gateway).map(({ part }) => part)).toEqual(["answers", "arguments", "result"]);
  });
});
