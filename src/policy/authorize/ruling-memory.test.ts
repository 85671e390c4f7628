import { expect, test } from "bun:test";
import { RulingMemory, rulingsKept } from "./ruling-memory.ts";

test("what is set is found, by kind, server and name", () => {
  const kept = rulingsKept<string>();
  const tools = new RulingMemory(kept.tool);
  tools.set("github", "create", "yes");
  expect(tools.get("github", "create")).toBe("yes");
  expect(tools.get("github", "delete")).toBeUndefined();
  expect(tools.get("gitlab", "create")).toBeUndefined();
  expect(new RulingMemory(kept.prompt).get("github", "create")).toBeUndefined();
});

test("past the bound all memories of the kind begin anew, and those of other kinds stay", () => {
  const kept = rulingsKept<number>(10_000);
  const [one, other] = [new RulingMemory(kept.resource), new RulingMemory(kept.resource)];
  const tools = new RulingMemory(kept.tool);
  tools.set("s", "t", 0);
  one.set("s", "r", 1);
  for (let n = 1; n <= 100; n++) other.set("s", `r${n}`, n);
  expect([one.get("s", "r"), other.get("s", "r1")]).toEqual([1, 1]);
  // Long names take more of it than short ones.
  other.set("s", "r".repeat(4_000), 2);
  other.set("s", "late", 2);
  expect([one.get("s", "r"), other.get("s", "r1"), other.get("s", "late")]).toEqual([
    undefined,
    undefined,
    2,
  ]);
  expect(tools.get("s", "t")).toBe(0);
});
