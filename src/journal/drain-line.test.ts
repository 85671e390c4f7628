import { expect, test } from "bun:test";
import type { CallEnd, CallIntent } from "../model/ports/journal.ts";
import type { DrainedRecord } from "../model/ports/record-sink.ts";
import { intentBody, outcomeBody, refusedBody } from "./body.ts";
import { CallLineReader } from "./drain-line.ts";
import { rowOf } from "./drain-record.ts";
import { parseLine } from "./line.ts";
import { LineBatch } from "./line-batch.ts";
import { nextSalt } from "./salt.ts";
import { sampleIntent } from "./sample-records.ts";

type CallKind = "call_intent" | "call_outcome" | "call_refused";

let sequence = 0;
const batch = new LineBatch(Bun.randomUUIDv7());

/** Without getters. */
const plain = (row: DrainedRecord | undefined): unknown => JSON.parse(JSON.stringify(row ?? null));

function lineOf(kind: CallKind, body: string): Buffer {
  batch.clear();
  batch.add(++sequence, Date.now(), "00000000-0000-7000-8000-000000000001", kind, nextSalt(), body);
  return Buffer.from(batch.buffer.slice(0, batch.length - 1));
}

const end: CallEnd = { status: "ok", errorCode: undefined, durationMs: 1.234, resultBytes: 512 };
const failed: CallEnd = { status: "error", errorCode: "upstream_timeout", durationMs: 0, resultBytes: 0 };

function linesOf(intent: CallIntent): Buffer[] {
  return [
    lineOf("call_intent", intentBody(intent)),
    lineOf("call_outcome", outcomeBody(intent.callId, end)),
    lineOf("call_outcome", outcomeBody(intent.callId, failed)),
  ];
}

const full = sampleIntent({ clientName: "cursor/1.2" });
const bare: CallIntent = {
  ...full,
  serverId: undefined,
  serverName: undefined,
  servedBy: undefined,
  target: undefined,
  argumentsDigest: undefined,
  clientName: undefined,
  traceId: undefined,
};

test("a line read by its places is the row that JSON gives", () => {
  const intents = [
    full,
    bare,
    { ...full, clientName: "Zoë 文字 🦉", traceId: "a".repeat(32), target: "", servedBy: "v2" },
  ];
  const reader = new CallLineReader();
  const durations = [0, 0.001, 0.3, 12.345, 1.1, 99_999.999, 1e9];
  const ends = durations.map((durationMs) =>
    lineOf("call_outcome", outcomeBody(full.callId, { ...end, durationMs })),
  );
  for (const line of [...intents.flatMap(linesOf), ...ends]) {
    const parsed = parseLine(line);
    if (parsed === undefined) throw new Error(line.toString());
    const row = reader.read(line);
    expect(row).toBeDefined();
    expect(plain(row)).toEqual(plain(rowOf(parsed)));
  }
});

test("rows stay as they are when the bytes they were read from are gone", () => {
  const reader = new CallLineReader();
  const lines = Array.from({ length: 3_000 }, () =>
    lineOf("call_intent", intentBody(sampleIntent({ clientName: "c" }))),
  );
  for (const round of [lines, lines.toReversed()]) {
    const rows = round.map((line) => {
      const bytes = Buffer.from(line);
      const row = reader.read(bytes);
      bytes.fill(0);
      return row;
    });
    for (const [index, row] of rows.entries()) {
      const parsed = parseLine(round[index] ?? Buffer.alloc(0));
      expect(plain(row)).toEqual(plain(parsed && (rowOf(parsed) ?? undefined)));
    }
  }
});

test("what may hold an escape, a rare number or another kind is left to JSON", () => {
  const intent = {
    ...full,
    serverName: undefined,
    target: 'x","argumentsDigest":"forged","clientAddress":"::1',
  };
  const reader = new CallLineReader();
  for (const line of [
    lineOf("call_intent", intentBody(intent)),
    lineOf("call_intent", intentBody({ ...full, clientName: "tab\tname" })),
    lineOf("call_refused", refusedBody(full, end)),
    lineOf("call_outcome", `{"callId":"${full.callId}","status":"ok","durationMs":1e-7,"resultBytes":1}`),
    lineOf("call_outcome", `{"callId":"${full.callId}","status":"ok","durationMs":-1,"resultBytes":1}`),
    lineOf("call_outcome", `{"callId":"${full.callId}","status":"ök","durationMs":1,"resultBytes":1}`),
    lineOf("call_intent", intentBody({ ...full, callId: "no-uuid" })),
  ]) {
    expect(reader.read(line)).toBeUndefined();
  }
});

test("no line cut short or written over is taken for a whole one", () => {
  const reader = new CallLineReader();
  for (const line of linesOf(full)) {
    for (let at = 0; at < line.length; at++) expect(reader.read(line.subarray(0, at))).toBeUndefined();
    const text = line.toString();
    expect(reader.read(Buffer.from(`${text}}`))).toBeUndefined();
    for (const mark of text.match(/"[a-z]+":/gi) ?? []) {
      expect(reader.read(Buffer.from(text.replace(mark, `"other":`)))).toBeUndefined();
    }
    for (const hash of text.match(/[0-9a-f]{32,}/g) ?? []) {
      if (text.includes(`"argumentsDigest":"${hash}`) || text.includes(`"traceId":"${hash}`)) continue;
      expect(reader.read(Buffer.from(text.replace(hash, `G${hash.slice(1)}`)))).toBeUndefined();
    }
  }
});
