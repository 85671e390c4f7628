import { isIP } from "node:net";

/** What a rule counts apart: each combination of the values of its dimensions has a count of its own. */
export const LIMIT_DIMENSIONS = [
  "ip",
  "user",
  "key",
  "organization",
  "namespace",
  "endpoint",
  "server",
  "tool",
] as const;
export type LimitDimension = (typeof LIMIT_DIMENSIONS)[number];

export const RATE_ALGORITHMS = ["sliding_window", "token_bucket", "fixed_window", "concurrency"] as const;
export type RateAlgorithm = (typeof RATE_ALGORITHMS)[number];
export type LimitAlgorithm = RateAlgorithm | "quota";
export type QuotaPeriod = "day" | "month";

/** Patterns a call must fit, by dimension: globs over names, addresses or ranges for `ip`; any one of a list is enough. */
export type LimitMatch = Readonly<Partial<Record<LimitDimension, readonly string[]>>>;

/** A limit as configured; immutable. */
export interface LimitRule {
  /** UUID; UUIDv5 of the name for rules of the configuration file. */
  readonly id: string;
  /** `[a-z0-9-]{1,64}`; what a refused caller is told. */
  readonly name: string;
  readonly description: string;
  /** Whose calls it counts; undefined for a rule of the whole gateway. */
  readonly organizationId: string | undefined;
  /** Narrows it to one namespace of the organisation. */
  readonly namespaceId: string | undefined;
  /** Empty counts everything together. */
  readonly per: readonly LimitDimension[];
  readonly match: LimitMatch;
  readonly algorithm: LimitAlgorithm;
  /** Calls a window, a period, or at once. */
  readonly limit: number;
  /** Of `sliding_window`, `fixed_window` and `token_bucket` (the time in which `limit` tokens come back); else 0. */
  readonly windowMs: number;
  /** `token_bucket`: what the bucket holds; default `limit`. */
  readonly burst: number | undefined;
  /** `quota`: the calendar period, in UTC. */
  readonly period: QuotaPeriod | undefined;
  /** Set when it was reset as a whole: what was counted before is forgotten, in every process. */
  readonly resetAt?: number | undefined;
  readonly source: "file" | "store";
}

export const LIMIT_NAME_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;
export const LIMIT_NAME_EXPECTED = "1 to 64 lower-case letters, digits and hyphens, no hyphen first or last";
const DAY_SECONDS = 86_400;
export const WINDOW_SECONDS_MAX = 31 * DAY_SECONDS;
/** Of `limit` and `burst`. */
export const LIMIT_MAX = 1_000_000_000;

/** What of a rule does not fit together: the member, and what is expected of it. */
export function limitRuleFault(
  rule: Pick<LimitRule, "name" | "algorithm" | "limit" | "windowMs" | "burst" | "period" | "per" | "match">,
): { readonly member: string; readonly expected: string } | undefined {
  const fault = (member: string, expected: string) => ({ member, expected });
  const { algorithm, limit, windowMs, burst, period } = rule;
  if (!LIMIT_NAME_PATTERN.test(rule.name)) {
    return fault("name", LIMIT_NAME_EXPECTED);
  }
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    return fault("limit", `a whole number from 1 to ${LIMIT_MAX}`);
  }
  const hasWindow = algorithm !== "concurrency" && algorithm !== "quota";
  if (hasWindow && (windowMs < 1_000 || windowMs > WINDOW_SECONDS_MAX * 1_000)) {
    return fault("window", "a window from 1 second to 31 days");
  }
  if (!hasWindow && windowMs !== 0) return fault("window", `no window for algorithm ${algorithm}`);
  if ((algorithm === "quota") !== (period !== undefined)) {
    return fault("period", algorithm === "quota" ? "day or month" : "a period for algorithm quota only");
  }
  if (burst !== undefined && (algorithm !== "token_bucket" || burst < 1 || burst > LIMIT_MAX)) {
    return fault("burst", "a whole number of at least 1, for algorithm token_bucket only");
  }
  for (const dimension of LIMIT_DIMENSIONS) {
    const patterns = rule.match[dimension];
    if (patterns !== undefined && patterns.length === 0) {
      return fault(`match.${dimension}`, "at least one pattern");
    }
    if (dimension === "ip" && patterns?.some((range) => !isRange(range)) === true) {
      return fault("match.ip", 'addresses or CIDR ranges such as "10.0.0.0/8"');
    }
    // The name that clients see, `server__tool`, would fit nothing.
    if (dimension === "tool" && patterns?.some((pattern) => !/[:*]/.test(pattern)) === true) {
      return fault("match.tool", 'server:tool, such as "github:create_*"');
    }
  }
  return undefined;
}

function isRange(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const most = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1;
  return (
    most > 0 && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most))
  );
}

/** First and following first moment of the calendar period (UTC) that holds `now`. */
export function periodOf(period: QuotaPeriod, now: number): { readonly start: number; readonly end: number } {
  const day = 86_400_000;
  if (period === "day") {
    const start = Math.floor(now / day) * day;
    return { start, end: start + day };
  }
  const date = new Date(now);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { start: Date.UTC(year, month, 1), end: Date.UTC(year, month + 1, 1) };
}
