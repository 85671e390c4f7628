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
  const kept = rulingsKept<number>();
  const [one, other] = [new RulingMemory(kept.resource), new RulingMemory(kept.resource)];
  const tools = new RulingMemory(kept.tool);
  tools.set("s", "t", 0);
  one.set("s", "r", 1);
  for (let n = 1; n < kept.resource.max; n++) other.set("s", `r${n}`, n);
  expect([one.get("s", "r"), other.get("s", "r1")]).toEqual([1, 1]);
  other.set("s", "late", 2);
  expect([one.get("s", "r"), other.get("s", "r1"), other.get("s", "late")]).toEqual([
    undefined,
    undefined,
    2,
  ]);
  expect(tools.get("s", "t")).toBe(0);
});

test("a name too long to be worth it is found anew each time", () => {
  const memory = new RulingMemory<number>(rulingsKept<number>().resource);
  memory.set("s", "r".repeat(1_000), 1);
  expect(memory.get("s", "r".repeat(1_000))).toBeUndefined();
});
