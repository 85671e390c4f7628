import type { LimitRoom } from "../../model/limit-note.ts";
import { type LimitRule, periodOf } from "../../model/limit-rule.ts";

/** `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) of an answer. */
export interface LimitFields {
  readonly policy: string;
  readonly limit: string;
}

interface Texts {
  readonly policy: string;
  /** `"name";r=` */
  readonly begin: string;
  /** Both header lines up to there. */
  readonly lines: string;
  /** Months have different lengths. */
  readonly validUntil: number;
}

const known = new WeakMap<LimitRule, Texts>();

/** How a caller stands: what it may still do, and in how many seconds it may do more. */
export function fieldsOf(room: LimitRoom, now: number): LimitFields {
  const { policy, begin } = textsOf(room.rule, now);
  return { policy, limit: begin + leftOf(room) };
}

/** The same as header lines: every answer under a limit has them, so they are one concatenation. */
export function fieldLinesOf(room: LimitRoom, now: number): string {
  return `${textsOf(room.rule, now).lines}${leftOf(room)}\r\n`;
}

function leftOf({ remaining, returnsMs }: LimitRoom): string {
  return returnsMs <= 0 ? String(remaining) : `${remaining};t=${Math.ceil(returnsMs / 1_000)}`;
}

/** In which the limit is counted; undefined of calls under way. */
export function windowSecondsOf(rule: LimitRule, now: number): number | undefined {
  if (rule.algorithm === "concurrency") return undefined;
  if (rule.period === undefined) return Math.max(1, Math.round(rule.windowMs / 1_000));
  const { start, end } = periodOf(rule.period, now);
  return (end - start) / 1_000;
}

function textsOf(rule: LimitRule, now: number): Texts {
  const texts = known.get(rule);
  if (texts !== undefined && now < texts.validUntil) return texts;
  const made = textsAt(rule, now);
  known.set(rule, made);
  return made;
}

function textsAt(rule: LimitRule, now: number): Texts {
  const { name, limit, period } = rule;
  const windowSeconds = windowSecondsOf(rule, now);
  const unit = windowSeconds === undefined ? 'qu="concurrent-requests"' : `w=${windowSeconds}`;
  const validUntil = period === undefined ? Number.POSITIVE_INFINITY : periodOf(period, now).end;
  const policy = `"${name}";q=${limit};${unit}`;
  const begin = `"${name}";r=`;
  return { policy, begin, lines: `ratelimit-policy: ${policy}\r\nratelimit: ${begin}`, validUntil };
}
