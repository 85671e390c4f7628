import type { LimitNote } from "../model/limit-note.ts";
import { type HttpAnswer, TextAnswer } from "../net/listener/text-answer.ts";
import { fieldLinesOf, fieldsOf } from "../policy/limit/fields.ts";

/** Says in the answer how its request stands under the limits that counted it; a refusal by one says so itself. */
export function withLimitFields(answer: HttpAnswer, { closestLimit }: LimitNote): HttpAnswer {
  if (closestLimit === undefined) return answer;
  // The time matters to calendar months alone.
  const now = closestLimit.rule.period === undefined ? 0 : Date.now();
  if (answer instanceof TextAnswer) {
    if (!("ratelimit" in answer.headers)) answer.moreLines = fieldLinesOf(closestLimit, now);
    return answer;
  }
  if (!answer.headers.has("ratelimit")) {
    const { policy, limit } = fieldsOf(closestLimit, now);
    answer.headers.set("ratelimit-policy", policy);
    answer.headers.set("ratelimit", limit);
  }
  return answer;
}
