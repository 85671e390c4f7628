import {
  LIMIT_DIMENSIONS,
  type LimitDimension,
  type LimitRule,
  limitRuleFault,
} from "../model/limit-rule.ts";
import { type Kind, Refusal } from "./field.ts";
import { formatDuration, parseDuration } from "./units.ts";

/** A rule as written, before it has an id. */
export type LimitEntry = Omit<LimitRule, "id" | "organizationId" | "namespaceId" | "source" | "resetAt">;

const SPELLING = /^([a-z+]+)=(\d{1,15})\/(\w+)$/;
const EXAMPLES = '"user=600/1m", "user+tool=60/1m" or "organization=100000/day"';

/**
 * A rule in short, `dimension[+dimension]=limit/window`: a sliding window, or with `day` and `month` a quota. Its name is
 * made of all but the limit, so that an organisation can replace it whatever the limit is.
 */
export const limitRate: Kind<LimitEntry> = {
  name: "dimension=limit/window",
  read(value) {
    const [, names = "", limit = "", span = ""] = SPELLING.exec(typeof value === "string" ? value : "") ?? [];
    const per = names.split("+").filter(isDimension);
    const isQuota = span === "day" || span === "month";
    const windowMs = isQuota ? 0 : parseDuration(span);
    const foreign = names === "" ? undefined : names.split("+").find((name) => !isDimension(name));
    if (foreign !== undefined)
      return new Refusal(
        `dimensions of ${LIMIT_DIMENSIONS.join(", ")}`,
        `${JSON.stringify(foreign)} is none`,
      );
    if (per.length === 0 || windowMs === undefined) return new Refusal(`a rate such as ${EXAMPLES}`);
    const entry: LimitEntry = {
      name: `${per.join("-")}-per-${isQuota ? span : formatDuration(windowMs)}`,
      description: "",
      per,
      match: {},
      algorithm: isQuota ? "quota" : "sliding_window",
      limit: Number(limit),
      windowMs,
      burst: undefined,
      period: isQuota ? span : undefined,
    };
    const fault = limitRuleFault(entry);
    return fault === undefined ? entry : new Refusal(fault.expected);
  },
  write: ({ per, limit, period, windowMs }) =>
    `${per.join("+")}=${limit}/${period ?? formatDuration(windowMs)}`,
};

function isDimension(name: string): name is LimitDimension {
  return LIMIT_DIMENSIONS.some((dimension) => dimension === name);
}
