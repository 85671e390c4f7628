import { expect, test } from "bun:test";
import fc from "fast-check";
import type { RecordKind } from "../model/ports/journal.ts";
import { auditBody, intentBody, outcomeBody, refusedBody } from "./body.ts";
import { bodyOfRow, rowOf } from "./drain-record.ts";
import { headText, lineIsSound, parseLine } from "./line.ts";
import { LineBatch } from "./line-batch.ts";
import { sampleIntent, samplePrincipal } from "./sample-records.ts";

const text = fc.string({ unit: "binary" });
const maybe = fc.option(text, { nil: undefined });
const statuses = fc.constantFrom("ok", "error", "unknown", "refused");
const intents = fc
  .record({
    callId: fc.oneof(fc.uuid({ version: 7 }), text),
    correlationId: text,
    method: text,
    serverId: maybe,
    serverName: maybe,
    servedBy: maybe,
    target: maybe,
    argumentsDigest: maybe,
    clientAddress: text,
    clientName: maybe,
    era: text,
    traceId: maybe,
    tenant: text,
  })
  .map(({ tenant, ...fields }) => sampleIntent({ ...fields, principal: samplePrincipal(tenant) }));
const ends = fc.record({
  status: statuses as fc.Arbitrary<"ok" | "error" | "unknown" | "refused">,
  errorCode: maybe,
  durationMs: fc.double(),
  resultBytes: fc.nat(),
});

/** As the writer makes a line; and as the reader, the drain and the verifier take it apart. */
function roundTrip(kind: RecordKind, body: string, tenant: string): boolean {
  const batch = new LineBatch("chain");
  batch.add(7, 1_700_000_000_000, tenant, kind, Buffer.from("5a".repeat(16)), body);
  const bytes = Buffer.from(batch.buffer.slice(0, batch.length));
  expect(bytes.indexOf(0x0a)).toBe(bytes.length - 1);
  const line = parseLine(bytes.subarray(0, -1));
  if (line === undefined || !lineIsSound(line)) return false;
  expect(headText(line.link)).toBe(Buffer.from(line.headBytes).toString());
  const row = rowOf(line);
  return row !== undefined && bodyOfRow(row) === body;
}

test("a payload is JSON, and comes back byte for byte from the row a store keeps", () => {
  fc.assert(
    fc.property(intents, ends, (intent, end) => {
      const body = intentBody(intent);
      const parsed = JSON.parse(body) as Record<string, unknown>;
      expect(parsed.target).toEqual(
        intent.target?.toWellFormed() === intent.target ? intent.target : parsed.target,
      );
      return (
        roundTrip("call_intent", body, intent.principal.organizationId) &&
        roundTrip("call_refused", refusedBody(intent, end), "") &&
        roundTrip("call_outcome", outcomeBody(intent.callId, end), "t")
      );
    }),
  );
});

test("an event's detail is kept verbatim, whatever it holds", () => {
  fc.assert(
    fc.property(fc.jsonValue(), maybe, text, (detail, target, action) =>
      roundTrip(
        "security",
        auditBody({
          action,
          actor: undefined,
          namespaceId: target,
          target,
          correlationId: undefined,
          clientAddress: action,
          detailJson: JSON.stringify({ detail }),
        }),
        "",
      ),
    ),
  );
});
