import { createHash } from "node:crypto";

/** RFC 9110, 8.8.3: `W/` before a weak one. */
const ENTITY_TAG = /(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;
/** Of base64url; nobody gains from two answers of one version that are taken for the same. */
const DIGEST_CHARACTERS = 12;

/** Of an object's version, which is the time of its last change: what `If-Match` is about. */
export function versionTag(updatedAt: string): string {
  return `"${Date.parse(updatedAt).toString(36)}"`;
}

/**
 * Of what is shown: the version, and a digest of the answer. An object's state, its use and its reader's rights change without
 * its version, and `If-None-Match` is about all that is shown.
 */
export function shownTag(version: string, text: string): string {
  const digest = createHash("sha256").update(text).digest("base64url").slice(0, DIGEST_CHARACTERS);
  return `${version.slice(0, -1)}-${digest}"`;
}

/**
 * Whether the condition of a change, `If-Match` (RFC 9110, 13.1.1: compared strongly) or `If-None-Match` (13.1.2: weakly), names
 * the version that is there. Of its tags the version counts: what else was shown is not what a change is of.
 */
export function namesVersion(condition: string, version: string, comparison: "strong" | "weak"): boolean {
  if (condition.trim() === "*") return true;
  const start = version.slice(0, -1);
  return [...condition.matchAll(ENTITY_TAG)].some(
    ([, weak, tag = ""]) =>
      (weak === undefined || comparison === "weak") && (tag === version || tag.startsWith(`${start}-`)),
  );
}

/** `If-None-Match` (RFC 9110, 13.1.2): its sender has what the tag is of. Weak comparison (8.8.3.2). */
export function isKnown(ifNoneMatch: string | null, shown: string): boolean {
  if (ifNoneMatch === null) return false;
  if (ifNoneMatch.trim() === "*") return true;
  return [...ifNoneMatch.matchAll(ENTITY_TAG)].some(([, , tag]) => tag === shown);
}
