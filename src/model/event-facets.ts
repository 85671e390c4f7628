import { catalogue, type ErrorCode } from "../errors/catalogue.ts";

/** How an act ended: `refused` was the caller's to mend, `error` the gateway's. */
export type EventStatus = "ok" | "refused" | "error";

/** What events are looked for by, of their detail. A store keeps it beside; it is proven by the detail alone. */
export interface EventFacets {
  /** `undefined` where the event is of something that neither succeeds nor fails. */
  readonly status: EventStatus | undefined;
  /** Of the catalogue; of a success `undefined`. */
  readonly errorCode: string | undefined;
  readonly actorName: string | undefined;
}

/** @param detail as it was recorded: `outcome` is `ok` or the code of an error */
export function eventFacets(detail: unknown): EventFacets {
  const { outcome, actor_name: name } = (detail ?? {}) as { outcome?: unknown; actor_name?: unknown };
  const actorName = typeof name === "string" ? name : undefined;
  if (typeof outcome !== "string") return { status: undefined, errorCode: undefined, actorName };
  if (outcome === "ok") return { status: "ok", errorCode: undefined, actorName };
  const isOurs = Object.hasOwn(catalogue, outcome) && catalogue[outcome as ErrorCode].http >= 500;
  return { status: isOurs ? "error" : "refused", errorCode: outcome, actorName };
}
