import { GatewayError } from "../../errors/gateway-error.ts";
import type { LimitRule } from "../../model/limit-rule.ts";
import type { LimitRefusal } from "../../model/ports/limiter.ts";
import { fieldsOf, windowSecondsOf } from "./fields.ts";

/**
 * What a refused caller learns: the rule's name, its size, and how long to wait; in the JSON-RPC error's data, and over
 * HTTP in `Retry-After` (RFC 9110, 10.2.3) and the `RateLimit` fields (draft-ietf-httpapi-ratelimit-headers-10).
 */
export function refusalError({ rule, retryAfterMs }: LimitRefusal, now: number): GatewayError {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  const { name, limit } = rule;
  const windowSeconds = windowSecondsOf(rule, now);
  const fields = fieldsOf({ rule, remaining: 0, returnsMs: seconds * 1_000 }, now);
  return new GatewayError(
    codeOf(rule),
    { rule: name, seconds },
    {
      data: {
        rule: name,
        limit,
        ...(windowSeconds !== undefined && { window_seconds: windowSeconds }),
        retry_after_seconds: seconds,
      },
      headers: {
        "retry-after": String(seconds),
        "ratelimit-policy": fields.policy,
        ratelimit: fields.limit,
      },
    },
  );
}

function codeOf(rule: LimitRule): "rate_limited" | "quota_exhausted" | "too_many_at_once" {
  if (rule.algorithm === "quota") return "quota_exhausted";
  return rule.algorithm === "concurrency" ? "too_many_at_once" : "rate_limited";
}
