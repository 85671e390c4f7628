import { expect, test } from "bun:test";
import fc from "fast-check";
import { readDocument } from "./document.ts";
import { substitute } from "./substitution.ts";

const environment = { NAME: "value", EMPTY: "", TRICKY: "a: b\n- c # ${NAME}" };

test.each([
  ["plain", "plain"],
  ["${NAME}", "value"],
  ["a-${NAME}-${NAME}", "a-value-value"],
  ["${EMPTY}", ""],
  ["${EMPTY:-other}", "other"],
  ["${NONE:-other}", "other"],
  ["${NONE:-}", ""],
  ["${NONE:-a:-b}", "a:-b"],
  ["$$", "$"],
  ["$${NAME}", "${NAME}"],
  ["$5 and $NAME", "$5 and $NAME"],
  // A value is never read a second time.
  ["${TRICKY}", "a: b\n- c # ${NAME}"],
])("%s becomes %s", (text, expected) => {
  expect(substitute(text, environment)).toMatchObject({ text: expected, unset: [], malformed: undefined });
});

test("unset variables are named", () => {
  expect(substitute("${A} ${NAME} ${B}", environment).unset).toEqual(["A", "B"]);
});

test.each(["${", "${NAME", "${}", "${1X}", "${A-B}", "${A:-${B}}"])("%s is malformed", (text) => {
  expect(substitute(text, environment).malformed).toBeString();
});

test("a value can add neither keys nor lines", () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const { tree, problems } = readDocument('a: ${V}\nb: ["${V}", 1]\n', "f.yaml", { V: value });
      expect(problems).toEqual([]);
      expect(tree).toEqual({ a: value, b: [value, 1] });
    }),
  );
});
