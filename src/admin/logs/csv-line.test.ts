import { describe, expect, test } from "bun:test";
import { csvLine } from "./csv-line.ts";

/** Cells as a spreadsheet with this separator finds them: quotes count where a cell begins, and nowhere else. */
function cells(text: string, separator: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; at++) {
    let value = "";
    if (text[at] === '"') {
      for (at++; at < text.length && (text[at] !== '"' || text[at + 1] === '"'); at++) {
        if (text[at] === '"') at++;
        value += text[at];
      }
      at++;
    }
    for (; at < text.length && text[at] !== separator && !"\r\n".includes(text[at] ?? ""); at++)
      value += text[at];
    found.push(value);
  }
  return found;
}

const hostile = ["=", "+", "-", "@"].flatMap((sign) =>
  [
    "",
    ";",
    "\t",
    "\r",
    "\n",
    "\r\n",
    ',"',
    ';"',
    ';""',
    "x;",
    "x;;",
    "x\t",
    'x";',
    'x"\n',
    "x;\t",
    'x\t;"',
  ].map((before) => `${before}${sign}HYPERLINK("http://127.0.0.1")`),
);

describe.each([",", ";", "\t"])("a spreadsheet whose separator is %j", (separator) => {
  test.each(hostile)("finds no formula in %j", (text) => {
    for (const value of [text, { note: text }]) {
      const line = csvLine(["call", value, 1, text, null]);
      expect([line, cells(line, separator).filter((one) => /^\s*[=+\-@]/.test(one))]).toEqual([line, []]);
    }
  });
});

test("with commas every text comes back whole, numbers as they are", () => {
  const texts = ["a;b", "a\tb", "a,b", 'a"b', "a\r\nb", "plain", "a - b"];
  const line = csvLine([...texts, -5, "-5", "=1", null]);
  expect(cells(line.slice(0, -2), ",")).toEqual([...texts, "-5", "-5", "'=1"]);
  expect(line).toStartWith('"a;b","a\tb","a,b","a""b",');
});
