import { closerOf, isToldToCallers } from "../../model/limit-note.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { LimitLedger } from "../../model/ports/limit-ledger.ts";
import type {
  LimitAdmission,
  LimitDemand,
  Limiter,
  LimitRefusal,
  LimitVerdict,
} from "../../model/ports/limiter.ts";
import { refusalError } from "./refusal.ts";

/** What the telemetry shows: decisions, and refusals by the rule that refused. */
export interface LimitCounts {
  decided: number;
  refused: number;
  readonly refusedBy: Map<string, number>;
}

const RULE_NAMES_MAX = 1_000;
const NO_DEMANDS: readonly LimitDemand[] = [];

/**
 * Decides everything that applies to one call as one step: rates by the limiter, quotas by the ledger; either all of
 * them count the call or none does.
 */
export class Limits {
  readonly #limiter: Limiter;
  readonly #ledger: LimitLedger;
  readonly #clock: Clock;
  readonly counts: LimitCounts = { decided: 0, refused: 0, refusedBy: new Map() };

  constructor(deps: { readonly limiter: Limiter; readonly ledger: LimitLedger; readonly clock: Clock }) {
    this.#limiter = deps.limiter;
    this.#ledger = deps.ledger;
    this.#clock = deps.clock;
  }

  /**
   * Admitted where it returns; what it returns is to be released at the call's end.
   * @throws GatewayError `rate_limited`, `quota_exhausted`, `too_many_at_once`
   */
  admit(
    rates: readonly LimitDemand[],
    quotas: readonly LimitDemand[] = NO_DEMANDS,
  ): LimitAdmission | Promise<LimitAdmission> {
    this.counts.decided++;
    for (const quota of quotas) {
      const waitMs = this.#ledger.quotaWait(quota);
      if (waitMs > 0) {
        this.#ledger.note(quota, false);
        throw this.#refused({ admitted: false, rule: quota.rule, retryAfterMs: waitMs });
      }
    }
    // Before anybody else is heard, so that calls decided side by side cannot each take the last one.
    for (const quota of quotas) this.#ledger.take(quota);
    const verdict = rates.length === 0 ? ADMITTED : this.#limiter.decide(rates);
    return verdict instanceof Promise
      ? verdict.then((settled) => this.#settle(settled, rates, quotas))
      : this.#settle(verdict, rates, quotas);
  }

  /** A call that ends with a question will come again: it costs a quota when it completes. */
  giveBack(quotas: readonly LimitDemand[]): void {
    for (const quota of quotas) this.#ledger.giveBack(quota);
  }

  #settle(
    verdict: LimitVerdict,
    rates: readonly LimitDemand[],
    quotas: readonly LimitDemand[],
  ): LimitAdmission {
    if (verdict.admitted) {
      for (const demand of rates) this.#ledger.note(demand, true);
      return quotas.length === 0 ? verdict : this.#withQuotas(verdict, quotas);
    }
    this.giveBack(quotas);
    const refusing = rates.find(({ rule }) => rule === verdict.rule);
    if (refusing !== undefined) this.#ledger.note(refusing, false);
    throw this.#refused(verdict);
  }

  #withQuotas(verdict: LimitAdmission, quotas: readonly LimitDemand[]): LimitAdmission {
    let { closest } = verdict;
    for (const quota of quotas) {
      if (isToldToCallers(quota.rule)) closest = closerOf(closest, this.#ledger.quotaRoom(quota));
    }
    return { admitted: true, release: verdict.release, closest };
  }

  #refused(refusal: LimitRefusal): Error {
    const { counts } = this;
    counts.refused++;
    const { name } = refusal.rule;
    const key = counts.refusedBy.has(name) || counts.refusedBy.size < RULE_NAMES_MAX ? name : "overflow";
    counts.refusedBy.set(key, (counts.refusedBy.get(key) ?? 0) + 1);
    return refusalError(refusal, this.#clock.now());
  }
}

const ADMITTED: LimitAdmission = { admitted: true, release: undefined, closest: undefined };
