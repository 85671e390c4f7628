import {
  LIMIT_DIMENSIONS,
  type LimitAlgorithm,
  type LimitDimension,
  type LimitMatch,
  limitRuleFault,
  type QuotaPeriod,
} from "../model/limit-rule.ts";
import { field, list, optionalField, Refusal, requiredField, section } from "./field.ts";
import { addressRange, count, duration, filledText, listOf, oneOf, text } from "./kinds.ts";
import { type LimitEntry, limitRate } from "./limit-rate.ts";

const patterns = (doc: string) => optionalField(listOf(filledText), doc);

const match = section("What a call must fit to be counted; of several patterns one is enough.", {
  ip: optionalField(listOf(addressRange), "Client addresses or CIDR ranges."),
  user: patterns("User ids (or the id of a credential without a user)."),
  key: patterns("Key ids."),
  organization: patterns("Slugs of organisations; rules of the file only."),
  namespace: patterns("Slugs of namespaces."),
  endpoint: patterns(
    "Endpoints in full, `/namespaces/{slug}/mcp` or `/namespaces/{slug}/servers/{name}/mcp`.",
  ),
  server: patterns("Names of servers."),
  tool: patterns("Tools as `server:tool`, or `namespace/server:tool`."),
});

/** One entry of `rate_limits.rules` and `rate_limits.defaults`. */
export const limitSchema = section(
  "A rule: how many calls, in which time, counted apart by what.",
  {
    name: requiredField(filledText, "Unique among the rules; a refused caller is told it."),
    description: field(text, "", "For people."),
    per: field(
      listOf(oneOf<LimitDimension>(...LIMIT_DIMENSIONS)),
      [],
      "Each combination of these has a count of its own; none counts everything together.",
    ),
    match,
    algorithm: field(
      oneOf<LimitAlgorithm>("sliding_window", "token_bucket", "fixed_window", "concurrency", "quota"),
      "sliding_window",
      "How calls are counted; `concurrency` counts calls under way, `quota` a calendar day or month.",
    ),
    limit: requiredField(count, "The most calls in one window, one period, or at once."),
    window: optionalField(
      duration(1_000),
      "Length of the window; for `token_bucket` the time in which `limit` come back.",
    ),
    burst: optionalField(count, "`token_bucket`: the most at once.", { defaultText: "limit" }),
    period: optionalField(oneOf<QuotaPeriod>("day", "month"), "`quota`: which one, in UTC."),
  },
  (entry, refuse) => {
    if (typeof entry.name !== "string" || typeof entry.limit !== "number") return;
    const fault = limitRuleFault(draftOf(entry as LimitFileEntry));
    if (fault !== undefined) refuse(fault.member.split("."), new Refusal(fault.expected));
  },
);
export type LimitFileEntry = ReturnType<typeof limitSchema.parse>;

export const rateLimitSchema = section("Limits on calls; see docs/guides/limits.md.", {
  rules: list("Rules over all organisations; nobody can change them over the API.", limitSchema),
  defaults: list(
    "Rules of every organisation, until it has one of the same name itself, active or not.",
    limitSchema,
  ),
  default_rates: field(
    listOf(limitRate),
    [],
    "Rules as in `defaults`, in short: `user=600/1m`, `user+tool=60/1m`, `organization=100000/day`, called `user-per-1m`, `user-tool-per-1m`, `organization-per-day`.",
  ),
  processes: field(
    count,
    1,
    "Least number of processes that share a limit out among them while they cannot count together.",
  ),
});

export function draftOf(entry: LimitFileEntry): LimitEntry {
  const { window, match: written, ...rest } = entry;
  const given = Object.entries(written ?? {}).filter(([, value]) => value !== undefined);
  return { ...rest, match: Object.fromEntries(given) as LimitMatch, windowMs: window ?? 0 };
}
