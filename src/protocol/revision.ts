/** The published revisions of the Model Context Protocol and the era each belongs to. */
export const MODERN_REVISION = "2026-07-28";
export const LEGACY_REVISIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;
export const LATEST_LEGACY_REVISION = LEGACY_REVISIONS[0];
/** Newest first. */
export const SUPPORTED_REVISIONS: readonly string[] = [MODERN_REVISION, ...LEGACY_REVISIONS];

export type LegacyRevision = (typeof LEGACY_REVISIONS)[number];
export type Revision = typeof MODERN_REVISION | LegacyRevision;
/** Modern is stateless (2026-07-28); legacy begins with `initialize` and may hold a session. */
export type Era = "modern" | "legacy";

export function isLegacyRevision(value: string): value is LegacyRevision {
  return (LEGACY_REVISIONS as readonly string[]).includes(value);
}
