import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dir, "../docs/adr");

test("the index of decisions has each record once, under its own title and a number of its own", () => {
  const records = readdirSync(folder).filter((name) => /^\d{4}-/.test(name) && !name.startsWith("0000"));
  const lines = records.sort().map((name) => {
    const title = readFileSync(join(folder, name), "utf8").split("\n", 1)[0] ?? "";
    const [, number, words] = /^# (\d{4})[: ]+(.+?)\.?$/.exec(title) ?? [];
    return `- [${number}](${name}): ${words}`;
  });
  expect(new Set(records.map((name) => name.slice(0, 4))).size).toBe(records.length);
  const index = readFileSync(join(folder, "README.md"), "utf8");
  expect(index.split("\n").filter((line) => line.startsWith("- "))).toEqual(lines);
});
