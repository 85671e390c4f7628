import { expect, test } from "bun:test";
import { compose } from "./compose.ts";
import type { Layer } from "./policy.ts";

const layer = (name: string, policy: Layer<string[], string>["policy"]): Layer<string[], string> => ({
  name,
  reason: "test",
  policy,
});

test("layers run in the order of the table and see the answer on the way back", () => {
  const { run } = compose(
    [
      layer("outer", (x, next) => `<${next([...x, "outer"])}>`),
      layer("inner", (x, next) => `(${next([...x, "inner"])})`),
    ],
    (x) => x.join(","),
  );
  expect(run([])).toBe("<(outer,inner)>");
});

test("a refusal is counted at the layer that threw it, and nothing behind it runs", () => {
  let reached = 0;
  const { run, meters } = compose(
    [
      layer("outer", (x, next) => next(x)),
      layer("guard", () => {
        throw new Error("no");
      }),
    ],
    () => {
      reached++;
      return "reached";
    },
  );
  expect(() => run([])).toThrow("no");
  expect(reached).toBe(0);
  expect(meters.get("guard")?.refused).toBe(1);
  expect(meters.get("outer")).toMatchObject({ entered: 1, refused: 0 });
});
