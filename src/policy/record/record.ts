import type { Outcome } from "../../model/call.ts";
import type { Exchange } from "../../model/exchange.ts";
import type { Journal } from "../../model/ports/journal.ts";
import { callIntent, endOf, endOfError } from "../audit/call-record.ts";
import type { Policy } from "../policy.ts";

/**
 * Innermost: nothing reaches an upstream before its intent is as durable as configured, and no answer goes back before
 * its outcome is. A journal that cannot keep the intent stops the call (`journal_unavailable`).
 */
export function recordPolicy(journal: Journal): Policy<Exchange, Outcome> {
  return async (exchange, next) => {
    if (exchange.target === undefined) return next(exchange);
    const intent = callIntent(exchange);
    await journal.intent(intent);
    exchange.intent = intent;
    let outcome: Outcome;
    try {
      outcome = await next(exchange);
    } catch (thrown) {
      await journal.outcome(intent, endOfError(exchange, thrown));
      throw thrown;
    }
    await journal.outcome(intent, endOf(exchange, outcome));
    return outcome;
  };
}
