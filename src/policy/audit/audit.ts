import type { Outcome } from "../../model/call.ts";
import type { Exchange } from "../../model/exchange.ts";
import type { Journal } from "../../model/ports/journal.ts";
import type { Policy } from "../policy.ts";
import type { CallContents } from "../record/call-contents.ts";
import { callIntent, endOf, endOfError, failureOf } from "./call-record.ts";

/** What the telemetry learns of every exchange, once, at its end. */
export interface ExchangeObserver {
  ended(exchange: Exchange, status: string, errorCode: string | undefined, durationMs: number): void;
}

/**
 * Outermost of the call's layers: a refusal is a record too. A call that reached an upstream was recorded by `record`;
 * what was refused before gets one record here. Also the place where errors that are not ours become `internal`.
 */
export function auditPolicy(
  journal: Journal,
  observer: ExchangeObserver,
  contents: Pick<CallContents, "keepsDigest">,
): Policy<Exchange, Outcome> {
  const refuse = async (exchange: Exchange, thrown: unknown): Promise<never> => {
    const end = endOfError(exchange, thrown);
    observer.ended(exchange, end.status, end.errorCode, end.durationMs);
    if (exchange.intent === undefined && RECORDED.has(exchange.method)) {
      await journal.refused(callIntent(exchange, contents.keepsDigest(exchange)), end);
    }
    throw failureOf(exchange, thrown);
  };
  const done = (exchange: Exchange, outcome: Outcome): Outcome | Promise<Outcome> => {
    const end = endOf(exchange, outcome);
    observer.ended(exchange, end.status, end.errorCode, end.durationMs);
    if (exchange.intent !== undefined || !RECORDED.has(exchange.method)) return outcome;
    // Answered in here without a server (arguments that do not fit): a refusal, though it reads as a result.
    const refused = journal.refused(callIntent(exchange, contents.keepsDigest(exchange)), {
      ...end,
      status: "refused",
      errorCode: "invalid_params",
    });
    return refused === undefined ? outcome : refused.then(() => outcome);
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
