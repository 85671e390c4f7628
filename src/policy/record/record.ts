import type { Outcome } from "../../model/call.ts";
import type { Exchange } from "../../model/exchange.ts";
import type { Journal } from "../../model/ports/journal.ts";
import { callIntent, endOf, endOfError } from "../audit/call-record.ts";
import type { Policy } from "../policy.ts";
import type { CallContents } from "./call-contents.ts";

/**
 * Innermost: nothing reaches an upstream before its intent is as durable as configured, and no answer goes back before
 * its outcome is; the same for what was said, where that is kept. A journal that cannot keep the intent stops the call
 * (`journal_unavailable`).
 */
export function recordPolicy(journal: Journal, contents: CallContents): Policy<Exchange, Outcome> {
  return async (exchange, next) => {
    if (exchange.target === undefined) return next(exchange);
    const kept = contents.of(exchange);
    const intent = callIntent(exchange, contents.keepsDigest(exchange), kept?.argumentsText);
    const argumentsStand = kept?.begin(intent);
    const stands = journal.intent(intent);
    if (stands !== undefined) await stands;
    exchange.intent = intent;
    let outcome: Outcome;
    try {
      if (argumentsStand !== undefined) await argumentsStand;
      const confirmed = journal.confirmed();
      if (confirmed !== undefined) await confirmed;
      outcome = await next(exchange);
    } catch (thrown) {
      await journal.outcome(intent, endOfError(exchange, thrown));
      throw thrown;
    }
    const resultStands = kept?.end(intent, outcome);
    const endStands = journal.outcome(intent, endOf(exchange, outcome));
    if (endStands !== undefined) await endStands;
    if (resultStands !== undefined) await resultStands;
    return outcome;
  };
}
