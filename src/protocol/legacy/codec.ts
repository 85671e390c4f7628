import type { JsonObject } from "../json-value.ts";
import { Meta } from "../meta.ts";
import { isLegacyRevision, LATEST_LEGACY_REVISION, type LegacyRevision } from "../revision.ts";

/** The revision an `initialize` is answered with: the one asked for, or our newest (2025-11-25 lifecycle). */
export function negotiate(requested: unknown): LegacyRevision {
  return typeof requested === "string" && isLegacyRevision(requested) ? requested : LATEST_LEGACY_REVISION;
}

/** Takes off what only 2026-07-28 knows, in place. */
export function stripModern(result: JsonObject): JsonObject {
  delete result.resultType;
  delete result.ttlMs;
  delete result.cacheScope;
  const meta = result._meta;
  if (meta !== undefined && meta !== null && typeof meta === "object" && !Array.isArray(meta)) {
    const { [Meta.serverInfo]: _info, [Meta.subscriptionId]: _id, ...rest } = meta;
    if (Object.keys(rest).length > 0) result._meta = rest;
    else delete result._meta;
  }
  return result;
}

/** Capabilities a legacy client may be told of; extensions are negotiated per request and only in 2026-07-28. */
export function legacyCapabilities(capabilities: JsonObject, revision: LegacyRevision): JsonObject {
  const { extensions: _extensions, ...known } = capabilities;
  if (revision === "2024-11-05") delete known.completions;
  return known;
}
