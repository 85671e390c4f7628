import type { LimitRule } from "../model/limit-rule.ts";
import type { Limiter, LimitStanding } from "../model/ports/limiter.ts";
import type { Cluster } from "../peers/cluster.ts";

/** Longest wait for what the others counted. */
const ASK_MS_MAX = 1_000;

interface Question {
  readonly rule: LimitRule;
  readonly subjects: readonly string[];
}

/** How a rule stands for subjects here. */
function standingsHere(
  limiter: Limiter,
  { rule, subjects }: Question,
): readonly (LimitStanding | Promise<LimitStanding>)[] {
  return subjects.map((subject) => limiter.standing({ rule, subject }));
}

/** The answer to another process. */
export function answerStandings(local: Limiter, question: string): string {
  return JSON.stringify(standingsHere(local, JSON.parse(question) as Question));
}

/**
 * How a rule stands for subjects, by what all processes counted.
 * @param others where each counts in its own memory; those that cannot be reached are left out
 */
export async function standings(
  limiter: Limiter,
  others: Pick<Cluster, "ask"> | undefined,
  question: Question,
): Promise<readonly LimitStanding[]> {
  const [here, answers] = await Promise.all([
    Promise.all(standingsHere(limiter, question)),
    others?.ask("standings", JSON.stringify(question), ASK_MS_MAX) ?? [],
  ]);
  const all = [here, ...answers.map(({ text }) => JSON.parse(text) as LimitStanding[])];
  return question.subjects.map((_, index) => ({
    used: all.reduce((sum, one) => sum + (one[index]?.used ?? 0), 0),
    resetMs: all.reduce((most, one) => Math.max(most, one[index]?.resetMs ?? 0), 0),
  }));
}
