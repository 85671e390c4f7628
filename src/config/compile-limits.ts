import type { LimitRule } from "../model/limit-rule.ts";
import type { RateLimitRecord } from "../model/rate-limit-record.ts";
import { limitIdOf } from "./identity.ts";
import type { LimitEntry } from "./limit-rate.ts";
import type { Settings } from "./settings.ts";

/** A rule of the file: the same for all organisations, so it has one id. */
export function fileLimit(entry: LimitEntry): LimitRule {
  return {
    ...entry,
    id: limitIdOf(entry.name),
    organizationId: undefined,
    namespaceId: undefined,
    source: "file",
  };
}

/** A default is a rule of each organisation's own: what one may do does not depend on what another did. */
export function defaultLimit(entry: LimitEntry, organizationId: string): LimitRule {
  return {
    ...entry,
    id: limitIdOf(`${organizationId}/${entry.name}`),
    organizationId,
    namespaceId: undefined,
    source: "file",
  };
}

export function storedLimit(record: RateLimitRecord): LimitRule {
  const { id, name, description, organizationId, per, match, algorithm, limit } = record;
  return {
    id,
    name,
    description,
    organizationId,
    namespaceId: record.namespaceId ?? undefined,
    per,
    match,
    algorithm,
    limit,
    windowMs: record.windowSeconds * 1_000,
    burst: record.burst ?? undefined,
    period: record.period ?? undefined,
    resetAt: record.resetAt ?? undefined,
    source: "store",
  };
}

/** The rules in force for one organisation. A rule of the file wins over a stored one of its name. */
export function limitsOf(
  organizationId: string,
  { rateLimits }: Pick<Settings, "rateLimits">,
  stored: readonly RateLimitRecord[],
): readonly LimitRule[] {
  const ownNames = new Set(stored.map(({ name }) => name));
  const fileNames = new Set(rateLimits.rules.map(({ name }) => name));
  return [
    ...rateLimits.rules.map(fileLimit),
    ...rateLimits.defaults
      .filter(({ name }) => !ownNames.has(name) && !fileNames.has(name))
      .map((entry) => defaultLimit(entry, organizationId)),
    ...stored.filter(({ isActive, name }) => isActive && !fileNames.has(name)).map(storedLimit),
  ];
}
