import type { CallContentEntry } from "../../model/log-entry.ts";
import type { CallContent, ContentPart } from "../../model/ports/journal.ts";
import type { Sealer } from "../../model/ports/sealer.ts";

const PURPOSE = "call-content";

/** What stands in a sealed content: always a JSON document, however its text was cut. */
type Sealed =
  | { readonly value: unknown }
  | { readonly truncated: true; readonly head: string; readonly digest: string }
  | { readonly omitted: true };

/** A content as it is read again. */
export interface OpenedContent {
  readonly part: ContentPart;
  readonly level: CallContent["level"];
  /** Of the whole text. */
  readonly bytes: number;
  /** `unreadable`: sealed with a master key that is not configured (any more). */
  readonly state: "whole" | "truncated" | "omitted" | "unreadable";
  /** Where it is `whole`. */
  readonly value: unknown;
  /** The beginning of the text, and the hex SHA-256 of the whole, where it is `truncated`. */
  readonly head: string | undefined;
  readonly digest: string | undefined;
}

/** @param text JSON; cut at `bytesMax`. `undefined`: too large to be looked at, only its size is kept. */
export function sealContent(
  sealer: Sealer,
  callId: string,
  part: ContentPart,
  text: string | undefined,
  bytesMax: number,
): string {
  return sealer.seal(PURPOSE, document(text, bytesMax), `${callId}:${part}`);
}

function document(text: string | undefined, bytesMax: number): string {
  if (text === undefined) return '{"omitted":true}';
  if (text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax) return `{"value":${text}}`;
  // A character may be cut in two: its half is left out.
  const head = Buffer.from(text.slice(0, bytesMax))
    .toString("utf8", 0, bytesMax)
    .replace(/\uFFFD$/, "");
  return JSON.stringify({ truncated: true, head, digest: Bun.SHA256.hash(text, "hex") });
}

export function openContent(sealer: Sealer, entry: CallContentEntry): OpenedContent {
  const { callId, part, level, bytes } = entry;
  const text = sealer.open(PURPOSE, entry.sealed, `${callId}:${part}`);
  const common = { part, level, bytes, value: null, head: undefined, digest: undefined };
  if (text === undefined) return { ...common, state: "unreadable" };
  const sealed = JSON.parse(text) as Sealed;
  if ("value" in sealed) return { ...common, state: "whole", value: sealed.value };
  if ("omitted" in sealed) return { ...common, state: "omitted" };
  return { ...common, state: "truncated", head: sealed.head, digest: sealed.digest };
}
