import { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange } from "../../model/exchange.ts";
import type { CallEnd, CallIntent, OutcomeStatus } from "../../model/ports/journal.ts";
import { stringify } from "../../protocol/json.ts";
import { maskCredentials } from "../redact/credential-forms.ts";
import { KNOWN_SECRET_NAMES, SecretNames } from "../redact/secret-names.ts";
import { maskNamed } from "../redact/text-secrets.ts";

const METHOD_CHARS_MAX = 128;
const CLIENT_CHARS_MAX = 128;
const REQUESTED_CHARS_MAX = 256;
const secretNames = new SecretNames(KNOWN_SECRET_NAMES);

/**
 * The exchange as it stands in the record: who, what, from where; arguments as a digest.
 * @param recordedText the arguments where they are recorded themselves: the digest is of what is recorded, since one of a
 *   text with a secret in it, beside the same text without, would let the secret be guessed
 */
export function callIntent(exchange: Exchange, hasDigest: boolean, recordedText?: string): CallIntent {
  const { target, principal, client } = exchange;
  return {
    callId: Bun.randomUUIDv7(),
    correlationId: exchange.id,
    principal,
    namespaceId: exchange.endpoint.namespaceId,
    method: recordable(exchange.method, METHOD_CHARS_MAX),
    serverId: target?.server.id,
    serverName: target?.server.name,
    servedBy: target?.server.servedBy?.name,
    target: targetName(exchange),
    argumentsDigest: hasDigest ? digestOf(recordedText ?? argumentsText(exchange)) : undefined,
    clientAddress: exchange.clientAddress,
    clientName:
      typeof client.info?.name === "string" ? recordable(client.info.name, CLIENT_CHARS_MAX) : undefined,
    era: client.era,
    traceId: exchange.traceparent?.slice(3, 35),
  };
}

/** As it is sent on; kept, since the connector sends the same. */
function argumentsText(exchange: Exchange): string | undefined {
  const value = exchange.params.arguments ?? exchange.params.argument;
  if (value === undefined) return undefined;
  if (exchange.argumentsText?.value !== value) {
    exchange.argumentsText = { value, text: stringify(value, exchange.exact) };
  }
  return exchange.argumentsText.text;
}
function digestOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Bun.SHA256.hash(text, "hex");
}

/** A URI may carry a credential, and is the only name that does. */
function targetName(exchange: Exchange): string | undefined {
  const asked = exchange.target?.name ?? requestedName(exchange);
  if (asked === undefined) return undefined;
  const name = recordable(asked, asked.length);
  if (exchange.method !== "resources/read") return name;
  return maskNamed(maskCredentials(name), secretNames, () => {});
}

/** What the caller asked for where it resolved to nothing; bounded, since it is the caller's text. */
function requestedName(exchange: Exchange): string | undefined {
  const name = exchange.params.name ?? exchange.params.uri;
  return typeof name === "string" ? name.slice(0, REQUESTED_CHARS_MAX) : undefined;
}

/**
 * A text of a stranger, as every store can hold it and give it back: PostgreSQL has no NUL, and none has half a surrogate
 * pair, which a cut may leave.
 */
function recordable(text: string, charsMax: number): string {
  const cut = (text.length > charsMax ? text.slice(0, charsMax) : text).toWellFormed();
  return cut.includes("\0") ? cut.replaceAll("\0", "\u2400") : cut;
}

export function endOf(exchange: Exchange, outcome: Outcome): CallEnd {
  const durationMs = performance.now() - exchange.startedAt;
  if (outcome.kind === "error") {
    return { status: "error", errorCode: String(outcome.error.code), durationMs, resultBytes: 0 };
  }
  if (outcome.kind === "list") {
    return { status: "ok", errorCode: undefined, durationMs, resultBytes: outcome.items.byteLength };
  }
  const status = outcome.result.isError === true ? "tool_error" : "ok";
  return { status, errorCode: undefined, durationMs, resultBytes: outcome.bytes ?? 0 };
}

const STATUS_BY_CODE: Partial<Record<GatewayError["code"], OutcomeStatus>> = {
  upstream_timeout: "timeout",
  deadline_exceeded: "timeout",
  call_cancelled: "cancelled",
  call_interrupted: "interrupted",
  shutting_down: "interrupted",
};

export function endOfError(exchange: Exchange, thrown: unknown): CallEnd {
  const error = failureOf(exchange, thrown);
  const { reason } = exchange.cancellation;
  if (reason === "abandoned") {
    const durationMs = performance.now() - exchange.startedAt;
    return { status: "abandoned", errorCode: error.code, durationMs, resultBytes: 0 };
  }
  const status =
    STATUS_BY_CODE[error.code] ?? (exchange.intent === undefined ? "refused" : ("error" as OutcomeStatus));
  return {
    status,
    errorCode: error.code,
    durationMs: performance.now() - exchange.startedAt,
    resultBytes: 0,
  };
}

/** What ended the call: an interruption by our own shutdown is that, whatever error it surfaced as. */
export function failureOf(exchange: Exchange, thrown: unknown): GatewayError {
  const error = GatewayError.from(thrown);
  if (exchange.cancellation.reason !== "shutdown" || error.code === "call_interrupted") return error;
  return new GatewayError("call_interrupted", {}, { cause: thrown });
}
