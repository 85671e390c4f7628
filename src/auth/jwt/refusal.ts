import { errors, type JWTPayload } from "jose";

const QUOTED_CHARS_MAX = 200;

/** A claim as it stands in a token, for the operator: bounded, in one line, and without quotes where it is one word. */
export function quoted(value: unknown): string {
  const isWord = typeof value === "string" && /^[\x21\x23-\x7e]+$/.test(value);
  const text = isWord ? value : (JSON.stringify(value) ?? "nothing");
  return text.length > QUOTED_CHARS_MAX ? `${text.slice(0, QUOTED_CHARS_MAX)}…` : text;
}

/** Why a token does not verify, for the operator. @param failure what the verification threw, an error of jose */
export function refusalOf(failure: unknown): string {
  if (failure instanceof errors.JWTExpired) return `it expired at ${timeOf(failure.payload, "exp")}`;
  if (failure instanceof errors.JWTClaimValidationFailed) {
    const { claim, payload, reason } = failure;
    if (reason === "missing") return `it has no claim ${claim}`;
    if (claim === "nbf") return `it is not valid before ${timeOf(payload, "nbf")}`;
    return `its ${claim} is ${quoted(payload[claim])}`;
  }
  if (failure instanceof errors.JWSSignatureVerificationFailed) return "its signature does not verify";
  return "it is not a valid JWT";
}

function timeOf(payload: JWTPayload, claim: "exp" | "nbf"): string {
  const at = new Date((payload[claim] ?? Number.NaN) * 1000);
  return Number.isNaN(at.getTime()) ? quoted(payload[claim]) : at.toISOString();
}
