import { GatewayError } from "../../errors/gateway-error.ts";
import type { Arrival } from "../../model/arrival.ts";
import type { IncomingHeaders } from "../../model/incoming-request.ts";
import { ownText } from "../../model/own-text.ts";
import type { Authenticator } from "../../model/ports/authenticator.ts";
import type { Principal } from "../../model/principal.ts";
import { isLoopbackAddress } from "../host/host.ts";
import type { Policy } from "../policy.ts";
import type { FailureMeter } from "./failure-meter.ts";

export interface AuthenticateDeps {
  readonly authenticator: Authenticator;
  /** Who an unidentified loopback peer is, where anonymous mode is on. */
  readonly anonymous: Principal | undefined;
  readonly failures: FailureMeter;
  /** Called for each failed attempt, for the record. */
  readonly onFailure: (arrival: Arrival, presented: boolean) => void;
}

const FORWARDING_HEADERS = [
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-real-ip",
  "x-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
];
/** Longer is no credential of ours; verifying it would be work for an attacker's benefit. Providers put many groups into theirs. */
const CREDENTIAL_LENGTH_MAX = 8192;
/** Headers that worked and are kept with the credential in them, and how long one may be. */
const CUT_MAX = 20_000;
const CUT_CHARS_MAX = 512;

/**
 * Who is calling, from `Authorization: Bearer` or `X-API-Key` and nothing else. An address with too many failures is
 * refused before its credential is looked at.
 */
export function authenticatePolicy<R>(deps: AuthenticateDeps): Policy<Arrival, R> {
  const failed = (arrival: Arrival, presented: boolean): never => {
    if (presented) deps.failures.count(arrival.clientAddress);
    deps.onFailure(arrival, presented);
    throw new GatewayError("unauthenticated");
  };
  /** The sender repeats itself, and a credential cut out anew would be hashed anew wherever it is looked up. */
  const cut = new Map<string, string>();
  const keep = (header: string, credential: string): void => {
    if (header.length > CUT_CHARS_MAX) return;
    if (cut.size >= CUT_MAX) cut.clear();
    cut.set(ownText(header), ownText(credential));
  };
  return (arrival, next) => {
    if (arrival.credential === "none") return next(arrival);
    const { headers: presented } = arrival.request;
    const header = presented.get("authorization");
    const known = header === null ? undefined : cut.get(header);
    const credential = known ?? presentedCredential(presented, header);
    if (credential === undefined) {
      if (deps.anonymous === undefined || !mayBeAnonymous(arrival)) return failed(arrival, false);
      arrival.principal = deps.anonymous;
      return next(arrival);
    }
    const waitSeconds = deps.failures.waitSeconds(arrival.clientAddress);
    if (waitSeconds > 0) {
      const headers = { "retry-after": String(waitSeconds) };
      throw new GatewayError("too_many_failures", { seconds: waitSeconds }, { headers });
    }
    if (credential.length > CREDENTIAL_LENGTH_MAX) {
      arrival.refusal = `longer than ${CREDENTIAL_LENGTH_MAX} characters`;
      return failed(arrival, true);
    }
    const found = deps.authenticator.authenticate(credential, arrival);
    if (found instanceof Promise) {
      return found.then((principal) => {
        if (principal === undefined) return failed(arrival, true);
        arrival.principal = principal;
        return next(arrival);
      });
    }
    if (found === undefined) return failed(arrival, true);
    if (known === undefined && header !== null) keep(header, credential);
    arrival.principal = found;
    return next(arrival);
  };
}

function presentedCredential(headers: IncomingHeaders, authorization: string | null): string | undefined {
  if (authorization === null) return headers.get("x-api-key") ?? undefined;
  return /^bearer /i.test(authorization) ? authorization.slice(7).trim() : "";
}

/** A proxy on this machine makes every peer look local; its headers give it away. */
function mayBeAnonymous(arrival: Arrival): boolean {
  if (!isLoopbackAddress(arrival.peerAddress)) return false;
  return FORWARDING_HEADERS.every((name) => arrival.request.headers.get(name) === null);
}
