import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatEvent, type SseEvent, SseEventTooLarge, SseReader } from "./sse.ts";

const read = (text: string | Uint8Array): readonly SseEvent[] =>
  new SseReader(1 << 20).push(Buffer.from(text));
const datas = (text: string) => read(text).map(({ data }) => data);

/** Cuts `bytes` at the given places (taken modulo the length). */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, i) => bytes.subarray(start, at[i] ?? bytes.length));
}

describe("reading an event stream (WHATWG HTML 9.2.6)", () => {
  test("the common form", () => {
    expect(read('event: message\ndata: {"a":1}\n\n')).toEqual([
      { event: "message", data: '{"a":1}', id: undefined, retry: undefined },
    ]);
  });
  test.each([
    ["data: a\n\n", ["a"]],
    ["data:a\r\n\r\n", ["a"]],
    ["data:a\r\rdata:b\r\r", ["a", "b"]],
    ["data:a\r\n\rdata:b\n\r", ["a", "b"]],
    ["data:  a\n\n", [" a"]],
    ["data: a\ndata:b\ndata\n\n", ["a\nb\n"]],
    ["data\n\n", [""]],
    ["data:\n\n", [""]],
    [": comment\n\ndata:a\n:\n\n", ["a"]],
    ["\uFEFFdata:a\n\n", ["a"]],
    ["\uFEFF\uFEFFdata:a\n\ndata:b\n\n", ["b"]],
    ["datax:a\ndat:a\nDATA:a\n\n", []],
    ["databases: a\n\n", []],
    ["data:unfinished\n", []],
    ["event: x\n\ndata: a\n\n", ["a"]],
    ["data:é\u{1F600}\n\n", ["é\u{1F600}"]],
  ])("%j gives %j", (text, expected) => {
    expect(datas(text)).toEqual(expected);
  });
  test("an event type without data is forgotten at the blank line", () => {
    expect(read("event: x\n\ndata: a\n\n")[0]?.event).toBe("message");
  });
  test("ids stay in force, an empty one takes it back, one with NUL is ignored", () => {
    const ids = read("id: 1\ndata\n\ndata\n\nid: 2\0\ndata\n\nid\ndata\n\n").map(({ id }) => id);
    expect(ids).toEqual(["1", "1", "1", undefined]);
  });
  test("a block with an id alone moves the id to resume from and dispatches nothing", () => {
    const reader = new SseReader(100);
    expect(reader.push(Buffer.from("id: 7\n"))).toEqual([]);
    expect(reader.lastEventId).toBeUndefined();
    expect(reader.push(Buffer.from("\n"))).toEqual([]);
    expect(reader.lastEventId).toBe("7");
  });
  test("retry takes digits only", () => {
    const reader = new SseReader(100);
    const events = reader.push(Buffer.from("retry: 150\ndata\n\nretry: 1e3\nretry:-1\ndata\n\n"));
    expect(events.map(({ retry }) => retry)).toEqual([150, undefined]);
    expect(reader.retryMs).toBe(150);
  });

  test("any chunking gives the same events", () => {
    const pieces = fc.constantFrom(
      ..."\n|\r|\r\n|\n\n|data|data: |data:é€\u{1F600}|event: |event: x|id: |id: 9|retry: 5|:| |x|\uFEFF|\0".split(
        "|",
      ),
    );
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 40 }),
        fc.array(fc.nat(400), { maxLength: 30 }),
        (parts, places) => {
          const bytes = Buffer.from(parts.join(""));
          const whole = new SseReader(1 << 20);
          const split = new SseReader(1 << 20);
          const expected = whole.push(bytes);
          expect(cut(bytes, places).flatMap((chunk) => [...split.push(chunk)])).toEqual([...expected]);
          expect(split.lastEventId).toBe(whole.lastEventId);
          expect(split.retryMs).toBe(whole.retryMs);
        },
      ),
      { numRuns: 500 },
    );
  });
  test("any bytes at all are read without an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const bytewise = new SseReader(1000);
        const events = [...bytes].flatMap((byte) => [...bytewise.push(Uint8Array.of(byte))]);
        expect(events).toEqual([...read(bytes)]);
      }),
    );
  });
});

describe("the bound on one event", () => {
  test.each([
    ["one line without end", "data: ".padEnd(2000, "x")],
    ["many data lines", "data: xxxxxxxx\n".repeat(200)],
    ["empty data lines", "data\n".repeat(2000)],
    ["a comment without end", ":".padEnd(2000, "x")],
  ])("%s", (_name, text) => {
    expect(() => new SseReader(1000).push(Buffer.from(text))).toThrow(SseEventTooLarge);
    const bytewise = new SseReader(1000);
    expect(() => {
      for (const byte of Buffer.from(text)) bytewise.push(Uint8Array.of(byte));
    }).toThrow(SseEventTooLarge);
  });
  test("is per event, not per stream", () => {
    const reader = new SseReader(100);
    for (let i = 0; i < 1000; i++) expect(reader.push(Buffer.from(`data: ${i}\n\n`))).toHaveLength(1);
  });
});

describe("writing an event", () => {
  const wellFormed = fc.string({ unit: "binary" }).map((text) => text.toWellFormed());
  const singleLine = wellFormed.filter((text) => text !== "" && !/[\r\n\0]/.test(text));

  test("what is written is read back, line breaks in data as LF", () => {
    fc.assert(
      fc.property(
        fc.record({
          data: fc.oneof(
            wellFormed,
            fc
              .array(fc.constantFrom("\n", "\r", "\r\n", "a", ": ", "data: x", "id: 1"))
              .map((x) => x.join("")),
          ),
          event: fc.option(singleLine, { nil: undefined }),
          id: fc.option(singleLine, { nil: undefined }),
          retry: fc.option(fc.nat(), { nil: undefined }),
        }),
        (fields) => {
          expect(read(formatEvent(fields))).toEqual([
            {
              event: fields.event ?? "message",
              data: fields.data.replace(/\r\n|\r/g, "\n"),
              id: fields.id,
              retry: fields.retry,
            },
          ]);
        },
      ),
      { numRuns: 500 },
    );
  });
  test("fields that would forge a line are refused", () => {
    for (const bad of ["a\nb", "a\rdata: x", "a\0"]) {
      expect(() => formatEvent({ data: "", id: bad })).toThrow(TypeError);
      expect(() => formatEvent({ data: "", event: bad })).toThrow(TypeError);
    }
    for (const retry of [-1, 1.5, Number.NaN])
      expect(() => formatEvent({ data: "", retry })).toThrow(TypeError);
  });
});
