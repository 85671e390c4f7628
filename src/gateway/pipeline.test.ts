import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

const textOf = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

test("docs/lifecycle.md has the layers of both tables, in their order, with their reasons", () => {
  const layers = textOf("./pipeline.ts").matchAll(/name: "([^"]+)",\s*reason:\s*"([^"]+)"/g);
  const [tables = ""] = textOf("../../docs/lifecycle.md").split("## Reload");
  const rows = tables.matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm);
  const code = [...layers].map(([, name, reason]) => ({ name, reason }));
  const page = [...rows].map(([, name, reason]) => ({ name, reason }));
  expect(code.length).toBeGreaterThan(10);
  expect(page).toEqual(code);
});
