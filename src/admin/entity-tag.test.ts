import { describe, expect, test } from "bun:test";
import { isKnown, namesVersion, shownTag, versionTag } from "./entity-tag.ts";

const version = versionTag("2026-01-02T03:04:05.006Z");
const shown = shownTag(version, '{"id":"a"}');

test("a tag is of the version and of what is shown", () => {
  expect(shown).toMatch(/^"[a-z0-9]+-[\w-]{12}"$/);
  expect(shownTag(version, '{"id":"a"}')).toBe(shown);
  expect(shownTag(version, '{"id":"b"}')).not.toBe(shown);
});

describe("If-None-Match (RFC 9110, 13.1.2)", () => {
  test.each([
    ["the tag", shown, true],
    ["a weak one", `W/${shown}`, true],
    ["one of several", `"other",W/${shown} , "more"`, true],
    ["any", " * ", true],
    ["the version alone", version, false],
    ["what begins like it", `${shown.slice(0, -1)}x"`, false],
    ["one without quotes", shown.slice(1, -1), false],
    ["one within another's text", `"other,${shown.slice(1, -1)}"`, false],
    ["nothing", "", false],
    ["a star among tags", '"other", *', false],
  ])("%s", (_what, given, known) => {
    expect(isKnown(given, shown)).toBe(known);
  });
  test("where there is none", () => {
    expect(isKnown(null, shown)).toBe(false);
  });
});

describe("If-Match (RFC 9110, 13.1.1)", () => {
  test.each([
    ["what was shown", shown, true],
    ["what was shown of that version in another state", shownTag(version, "{}"), true],
    ["the version alone", version, true],
    ["one of several", `"other", ${shown}`, true],
    ["any", "*", true],
    ["a weak one, which is never compared so", `W/${shown}`, false],
    ["another version", shownTag(versionTag("2026-01-02T03:04:05.007Z"), '{"id":"a"}'), false],
    ["a version that this one begins like", `${version.slice(0, -2)}-x"`, false],
    ["nothing", "", false],
  ])("%s", (_what, given, named) => {
    expect(namesVersion(given, version, "strong")).toBe(named);
  });
});

describe("If-None-Match of a change (RFC 9110, 13.1.2)", () => {
  test.each([
    ["what was shown", shown, true],
    ["what was shown of that version in another state", shownTag(version, "{}"), true],
    ["a weak one", `W/${shown}`, true],
    ["any", "*", true],
    ["another version", shownTag(versionTag("2026-01-02T03:04:05.007Z"), '{"id":"a"}'), false],
    ["nothing", "", false],
  ])("%s", (_what, given, named) => {
    expect(namesVersion(given, version, "weak")).toBe(named);
  });
});
