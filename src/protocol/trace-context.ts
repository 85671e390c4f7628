import type { JsonValue } from "./json-value.ts";

/** W3C Trace Context, 3.2: version, trace id, parent id, flags; later versions may say more behind them. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:-.{0,128})?$/;

/** The trace a request belongs to: as its `_meta` says, else as its HTTP header does. Anything ill-formed is no trace. */
export function traceparentOf(inMeta: JsonValue | undefined, inHeader: string | null): string | undefined {
  const given = inMeta ?? inHeader;
  return typeof given === "string" && TRACEPARENT.test(given) ? given : undefined;
}
