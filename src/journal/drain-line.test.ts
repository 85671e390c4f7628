import { expect, test } from "bun:test";
import type { CallEnd, CallIntent } from "../model/ports/journal.ts";
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

function lineOf(kind: CallKind, body: string): string {
  batch.clear();
  batch.add(++sequence, Date.now(), "00000000-0000-7000-8000-000000000001", kind, nextSalt(), body);
  return Buffer.from(batch.buffer.slice(0, batch.length - 1)).toString();
}

const end: CallEnd = { status: "ok", errorCode: undefined, durationMs: 1.234, resultBytes: 512 };
const failed: CallEnd = { status: "error", errorCode: "upstream_timeout", durationMs: 0, resultBytes: 0 };

function linesOf(intent: CallIntent): string[] {
  return [
    lineOf("call_intent", intentBody(intent)),
    lineOf("call_outcome", outcomeBody(intent.callId, end)),
    lineOf("call_outcome", outcomeBody(intent.callId, { ...failed, durationMs: 1e-7 })),
    lineOf("call_refused", refusedBody(intent, failed)),
  ];
}

const plain = sampleIntent({ clientName: "cursor/1.2" });
const bare: CallIntent = {
  ...plain,
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
    plain,
    bare,
    { ...plain, clientName: "Zoë 文字 🦉", traceId: "a".repeat(32), target: "", servedBy: "v2" },
  ];
  const reader = new CallLineReader();
  for (const line of intents.flatMap(linesOf)) {
    const parsed = parseLine(Buffer.from(line));
    if (parsed === undefined) throw new Error(line);
    const row = reader.read(line);
    expect(row).toBeDefined();
    expect(row).toEqual(rowOf(parsed));
  }
});

test("a text that imitates members is left to JSON", () => {
  const intent = {
    ...plain,
    serverName: undefined,
    target: 'x","argumentsDigest":"forged","clientAddress":"::1',
  };
  for (const line of [
    lineOf("call_intent", intentBody(intent)),
    lineOf("call_refused", refusedBody(intent, end)),
  ]) {
    expect(new CallLineReader().read(line)).toBeUndefined();
  }
});

test("no line cut short or written over is taken for a whole one", () => {
  for (const line of linesOf(plain)) {
    for (let at = 0; at < line.length; at++) {
      expect(new CallLineReader().read(line.slice(0, at))).toBeUndefined();
    }
    expect(new CallLineReader().read(`${line}}`)).toBeUndefined();
    for (const mark of line.match(/"[a-z]+":/gi) ?? []) {
      expect(new CallLineReader().read(line.replace(mark, `"other":`))).toBeUndefined();
    }
  }
});
