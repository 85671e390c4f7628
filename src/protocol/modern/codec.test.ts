import { expect, test } from "bun:test";
import { parseMessage } from "../json.ts";
import type { JsonObject } from "../json-value.ts";
import { Meta } from "../meta.ts";
import { completeError, completeResult, readMeta, statusOfError, withoutEdgeMeta } from "./codec.ts";

const serverInfo = { name: "gateway", version: "1" };

test("the sender's part of _meta is read, and values of optional keys that nobody knows count as absent", () => {
  const meta = {
    [Meta.clientCapabilities]: { sampling: {} },
    [Meta.clientInfo]: { name: "c" },
    [Meta.logLevel]: "warning",
    progressToken: "p-1",
    traceparent: "00-a-b-01",
  };
  expect(readMeta(meta)).toEqual({
    capabilities: { sampling: {} },
    info: { name: "c" },
    logLevel: "warning",
    progressToken: "p-1",
    traceparent: "00-a-b-01",
  });
  const odd = {
    [Meta.clientCapabilities]: {},
    [Meta.clientInfo]: [],
    [Meta.logLevel]: "loud",
    progressToken: {},
  };
  expect(readMeta(odd)).toEqual({
    capabilities: {},
    info: undefined,
    logLevel: undefined,
    progressToken: undefined,
    traceparent: undefined,
  });
});

test("a progress token past 2^53 keeps its digits", () => {
  const text = `{"_meta":{"${Meta.clientCapabilities}":{},"progressToken":9007199254740993}}`;
  const meta = parseMessage(text).value._meta as JsonObject;
  expect(readMeta(meta).progressToken as unknown).toMatchObject({ source: "9007199254740993" });
});

test("only this hop's members leave _meta, and an empty _meta leaves with them", () => {
  const own = { [Meta.protocolVersion]: "2026-07-28", [Meta.clientCapabilities]: {}, progressToken: 1 };
  expect(withoutEdgeMeta({ name: "x", _meta: own })).toEqual({ name: "x" });
  const foreign = { traceparent: "t", "acme/x": [1] };
  expect(withoutEdgeMeta({ name: "x", _meta: { ...own, ...foreign } })).toEqual({
    name: "x",
    _meta: foreign,
  });
});

test("a result of any era becomes a modern one, and the upstream does not name itself", () => {
  expect(completeResult("tools/call", { content: [] }, serverInfo)).toEqual({
    content: [],
    resultType: "complete",
    _meta: { [Meta.serverInfo]: serverInfo },
  });
  const upstream = {
    contents: [],
    cacheScope: "public",
    _meta: { [Meta.serverInfo]: { name: "up" }, "acme/x": 1 },
  };
  expect(completeResult("resources/read", upstream, serverInfo)).toEqual({
    contents: [],
    resultType: "complete",
    ttlMs: 0,
    cacheScope: "private",
    _meta: { [Meta.serverInfo]: serverInfo, "acme/x": 1 },
  });
  expect(
    completeResult("resources/read", { resultType: "input_required" }, serverInfo).ttlMs,
  ).toBeUndefined();
});

test("codes of older revisions are translated and only request errors have a status of their own", () => {
  expect(completeError({ code: -32002, message: "m", data: { uri: "x:" } })).toEqual({
    code: -32602,
    message: "m",
    data: { uri: "x:" },
  });
  expect([-32601, -32020, -32021, -32022, -32602, -32603, 1050].map(statusOfError)).toEqual([
    404, 400, 400, 400, 200, 200, 200,
  ]);
});
