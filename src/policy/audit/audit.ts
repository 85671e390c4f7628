import type { Outcome } from "../../model/call.ts";
import type { Exchange } from "../../model/exchange.ts";
import type { Journal } from "../../model/ports/journal.ts";
import type { Policy } from "../policy.ts";
import { callIntent, endOf, endOfError, failureOf } from "./call-record.ts";

/** What the telemetry learns of every exchange, once, at its end. */
export interface ExchangeObserver {
  ended(exchange: Exchange, status: string, errorCode: string | undefined, durationMs: number): void;
}

/**
 * Outermost of the call's layers: a refusal is a record too. A call that reached an upstream was recorded by `record`;
 * what was refused before gets one record here. Also the place where errors that are not ours become `internal`.
 */
export function auditPolicy(journal: Journal, observer: ExchangeObserver): Policy<Exchange, Outcome> {
  const refuse = async (exchange: Exchange, thrown: unknown): Promise<never> => {
    const end = endOfError(exchange, thrown);
    if (exchange.intent === undefined && RECORDED.has(exchange.method)) {
      await journal.refused(callIntent(exchange), end);
    }
    observer.ended(exchange, end.status, end.errorCode, end.durationMs);
    throw failureOf(exchange, thrown);
  };
  const done = (exchange: Exchange, outcome: Outcome): Outcome => {
    const end = endOf(exchange, outcome);
    observer.ended(exchange, end.status, end.errorCode, end.durationMs);
    return outcome;
  };
  return (exchange, next) => {
    let outcome: Outcome | Promise<Outcome>;
    try {
      outcome = next(exchange);
    } catch (thrown) {
      return refuse(exchange, thrown);
    }
    return outcome instanceof Promise
      ? outcome.then(
          (settled) => done(exchange, settled),
          (thrown: unknown) => refuse(exchange, thrown),
        )
      : done(exchange, outcome);
  };
}

/** Methods whose refusal concerns something a caller wanted done; lists are answered from memory and only counted. */
const RECORDED = new Set(["tools/call", "prompts/get", "resources/read", "completion/complete"]);
