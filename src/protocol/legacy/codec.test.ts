import { expect, test } from "bun:test";
import { Meta } from "../meta.ts";
import { LEGACY_REVISIONS } from "../revision.ts";
import { legacyCapabilities, negotiate, stripModern } from "./codec.ts";

test("initialize is answered with the revision asked for where we know it, else with our newest legacy one", () => {
  for (const revision of LEGACY_REVISIONS) expect(negotiate(revision)).toBe(revision);
  for (const other of ["2026-07-28", "1999-01-01", undefined, 5]) expect(negotiate(other)).toBe("2025-11-25");
});

test("what only the modern revision knows is taken off; the rest of a result stays", () => {
  expect(
    stripModern({
      content: [],
      resultType: "complete",
      ttlMs: 1,
      cacheScope: "private",
      _meta: { [Meta.serverInfo]: {}, [Meta.subscriptionId]: 1 },
    }),
  ).toEqual({ content: [] });
  expect(stripModern({ _meta: { [Meta.serverInfo]: {}, "acme/x": 1 } })).toEqual({ _meta: { "acme/x": 1 } });
  expect(stripModern({})).toEqual({});
});

test("a legacy client is told no extensions, and the oldest nothing of completions", () => {
  const all = { tools: {}, completions: {}, extensions: { "a/b": {} } };
  expect(legacyCapabilities(all, "2025-11-25")).toEqual({ tools: {}, completions: {} });
  expect(legacyCapabilities(all, "2024-11-05")).toEqual({ tools: {} });
});
