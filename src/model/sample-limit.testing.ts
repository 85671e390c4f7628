import type { LimitRule } from "./limit-rule.ts";

/** Ten a minute, over everybody together, unless said otherwise. */
export function sampleLimit(over: Partial<LimitRule> = {}): LimitRule {
  return {
    id: crypto.randomUUID(),
    name: "sample",
    description: "",
    organizationId: undefined,
    namespaceId: undefined,
    per: [],
    match: {},
    algorithm: "sliding_window",
    limit: 10,
    windowMs: 60_000,
    burst: undefined,
    period: undefined,
    source: "file",
    ...over,
  };
}
