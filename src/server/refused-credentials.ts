import type { Arrival } from "../model/arrival.ts";
import type { Clock } from "../model/ports/clock.ts";
import type { Journal } from "../model/ports/journal.ts";
import type { Log } from "../model/ports/log.ts";
import { failedAuthentication } from "./events.ts";

const WINDOW_MS = 10_000;
const LINES_MAX = 20;

/**
 * Tells the operator of each credential that was refused, and why: in the record, and in the log, 20 lines in 10 s at most,
 * since whoever guesses shall not fill it. The credential itself is in neither.
 */
export function refusedCredentials(journal: Journal, log: Log, clock: Clock): (arrival: Arrival) => void {
  let since = Number.NEGATIVE_INFINITY;
  let lines = 0;
  return (arrival) => {
    const event = failedAuthentication(arrival);
    void journal.event(event);
    const now = clock.now();
    if (now - since >= WINDOW_MS) {
      if (lines > LINES_MAX) log.info({ unsaid: lines - LINES_MAX }, "more credentials were refused");
      since = now;
      lines = 0;
    }
    if (++lines > LINES_MAX) return;
    const { id: correlationId, path, clientAddress } = arrival;
    log.info({ correlationId, path, clientAddress, reason: event.detail.reason }, "a credential was refused");
  };
}
