import { expect, test } from "bun:test";
import fc from "fast-check";
import { firstPrevious, headText, lineIsSound, parseLine, recordKinds, sha256Hex } from "./line.ts";
import { LineBatch } from "./line-batch.ts";
import { nextSalt } from "./salt.ts";

const saltText = "0123456789abcdef".repeat(2);
const salt = Buffer.from(saltText);
const text = fc.string({ unit: "binary" });

function textOf(batch: LineBatch): string {
  return Buffer.from(batch.buffer.slice(0, batch.length)).toString();
}

test("lines are, byte for byte, what the format says, whatever their values and those before them", () => {
  const numbers = fc.maxSafeNat();
  // As long as one another, and not.
  const tenants = fc.oneof(text, fc.uuid(), fc.constantFrom('"23', "a\u00e4c", "abc", ""));
  const line = fc.record({
    sequence: numbers,
    time: numbers,
    tenant: tenants,
    kind: fc.constantFrom(...[...recordKinds].slice(0, 2)),
    value: text,
  });
  fc.assert(
    fc.property(text, fc.array(line, { minLength: 1, maxLength: 8 }), (chainId, lines) => {
      const batch = new LineBatch(chainId);
      let previous = firstPrevious;
      let expected = "";
      for (const { sequence, time, tenant, kind, value } of lines) {
        const body = JSON.stringify({ value });
        batch.add(sequence, time, tenant, kind, salt, body);
        const digest = sha256Hex(saltText + body);
        const head = headText({ chainId, sequence, previous, time, tenant, kind, digest });
        previous = sha256Hex(head);
        expected += `{"head":${head},"link":"${previous}","salt":"${saltText}","body":${body}}\n`;
      }
      expect(textOf(batch)).toBe(expected);
      expect(batch.link).toBe(previous);
    }),
  );
});

test("lines follow one another in one chain, across batches and however large they are", () => {
  const batch = new LineBatch("chain");
  const bodies = ["{}", `{"a":"${"x".repeat(100_000)}"}`, `{"b":"${"⚙".repeat(300_000)}"}`, `{"c":"ä"}`];
  let previous = firstPrevious;
  for (let sequence = 1; sequence <= 4_000; sequence++) {
    const body = bodies[sequence % (sequence < 40 ? bodies.length : 1)] as string;
    const from = batch.length;
    batch.add(sequence, 1_700_000_000_000 + (sequence >> 3), `t${sequence % 3}`, "admin", nextSalt(), body);
    const line = parseLine(Buffer.from(batch.buffer.slice(from, batch.length - 1)));
    if (line === undefined) throw new Error("not a line");
    expect(lineIsSound(line)).toBe(true);
    expect(line.link).toMatchObject({ sequence, previous, tenant: `t${sequence % 3}` });
    expect(Buffer.from(line.bodyBytes ?? []).toString()).toBe(body);
    previous = line.link.link;
    if (sequence % 700 === 0) batch.clear();
  }
});

test("a chain that steps back goes on from the link it is given", () => {
  const batch = new LineBatch("chain");
  batch.add(1, 5, "t", "admin", salt, "{}");
  const kept = batch.link;
  const after = (): string => {
    batch.clear();
    batch.link = kept;
    batch.add(2, 5, "t", "security", salt, "[]");
    return textOf(batch);
  };
  const once = after();
  batch.add(3, 5, "t", "admin", salt, "{}");
  expect(after()).toBe(once);
  expect(once).toContain(`"previous":"${kept}"`);
});

test("a burst does not keep its memory", () => {
  const batch = new LineBatch("chain");
  batch.add(1, 5, "t", "admin", salt, `"${"x".repeat(6 << 20)}"`);
  expect(batch.buffer.length).toBeGreaterThan(6 << 20);
  batch.clear();
  expect(batch.buffer.length).toBeLessThan(1 << 20);
});
