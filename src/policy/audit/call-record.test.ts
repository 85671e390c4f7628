import { expect, test } from "bun:test";
import { sampleExchange } from "../../model/sample-exchange.testing.ts";
import { callIntent } from "./call-record.ts";

const recorded = (name: string, clientName = "client") => {
  const exchange = sampleExchange({ method: "tools/call", params: { name, arguments: {} } });
  return callIntent({ ...exchange, client: { ...exchange.client, info: { name: clientName } } }, true);
};

test("a stranger's text stands in the record as every store can hold it", () => {
  expect(recorded("a\0b", "c\0d")).toMatchObject({ target: "a\u2400b", clientName: "c\u2400d" });
  expect(recorded("half \ud83d pair").target).toBe("half \ufffd pair");
  expect(recorded("\ud83d\ude80 whole").target).toBe("\ud83d\ude80 whole");
  expect(callIntent(sampleExchange({ method: "x\0y" }), true).method).toBe("x\u2400y");
});

test("a cut leaves no half of a character", () => {
  const { target, clientName } = recorded(`${"x".repeat(255)}\ud83d\ude80`, `${"x".repeat(127)}\ud83d\ude80`);
  expect([target, clientName]).toEqual([`${"x".repeat(255)}\ufffd`, `${"x".repeat(127)}\ufffd`]);
  expect(callIntent(sampleExchange({ method: "m".repeat(1_000) }), true).method).toHaveLength(128);
});
