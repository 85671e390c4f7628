import type { ErrorCode } from "../../errors/catalogue.ts";
import { type ErrorParams, GatewayError } from "../../errors/gateway-error.ts";
import type { UpstreamCall } from "../../model/call.ts";
import { HttpFailure } from "../../net/http-exchange.ts";
import type { SystemCall } from "./system-call.ts";

interface FailureTraits {
  readonly cause?: unknown;
  readonly data?: Readonly<Record<string, unknown>>;
  /** The server certainly did not read the request, so sending it again cannot run it twice. */
  readonly notRun?: boolean;
  /** Not the server's fault: the circuit breaker does not count it. */
  readonly harmless?: boolean;
  /** The session ended: another one is worth trying at once. */
  readonly sessionEnded?: boolean;
  /** HTTP status, where the server answered with one. */
  readonly status?: number;
}

/** A failed exchange with a server, with what the retry and breaker rules need to know of it. */
export class UpstreamFailure extends GatewayError {
  readonly notRun: boolean;
  readonly harmless: boolean;
  readonly sessionEnded: boolean;
  readonly status: number | undefined;

  constructor(code: ErrorCode, params: ErrorParams, traits: FailureTraits = {}) {
    super(code, params, {
      ...(traits.cause === undefined ? {} : { cause: traits.cause }),
      ...(traits.data === undefined ? {} : { data: traits.data }),
    });
    this.name = "UpstreamFailure";
    this.notRun = traits.notRun ?? false;
    this.harmless = traits.harmless ?? false;
    this.sessionEnded = traits.sessionEnded ?? false;
    this.status = traits.status;
  }
}

/** Any thrown value as a failure of a server; connections of other transports throw plain `GatewayError`s. */
export function asFailure(thrown: unknown): UpstreamFailure {
  if (thrown instanceof UpstreamFailure) return thrown;
  if (thrown instanceof GatewayError) {
    return new UpstreamFailure(thrown.code, thrown.params, {
      cause: thrown.cause,
      ...(thrown.data === undefined ? {} : { data: thrown.data }),
      notRun: thrown.code === "upstream_unreachable",
      harmless: !FAULTS.has(thrown.code),
    });
  }
  return new UpstreamFailure("internal", {}, { cause: thrown, harmless: true });
}

const FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "upstream_unreachable",
  "upstream_timeout",
  "upstream_protocol_error",
  "upstream_lost",
]);

type CutCall = Pick<UpstreamCall, "cancellation"> & Partial<Pick<SystemCall, "timeoutMs">>;

/** What a request of the gateway's own was given. A client's call is told its time by the upstream, which knows it. */
function secondsOf(call: CutCall): number {
  return (call.timeoutMs ?? 0) / 1000;
}

/** Why an exchange was cut, by the reason of the call's own cancellation. */
export function cancelled(call: CutCall, server: string, cause?: unknown): UpstreamFailure {
  switch (call.cancellation.reason) {
    case "deadline":
      return new UpstreamFailure("upstream_timeout", { server, seconds: secondsOf(call) }, { cause });
    case "upstream_lost":
      return new UpstreamFailure("upstream_lost", { server }, { cause, harmless: true });
    case "shutdown":
      return new UpstreamFailure("call_interrupted", {}, { cause, harmless: true });
    default:
      return new UpstreamFailure("call_cancelled", {}, { cause, harmless: true });
  }
}

/** What the HTTP client threw, in the words of the catalogue. */
export function httpFailure(
  thrown: unknown,
  server: string,
  call: CutCall,
  limitBytes: number,
): UpstreamFailure {
  if (thrown instanceof UpstreamFailure) return thrown;
  if (!(thrown instanceof HttpFailure)) return asFailure(thrown);
  const notRun = !thrown.sent;
  switch (thrown.kind) {
    case "cancelled":
      return cancelled(call, server, thrown);
    case "refused_address":
      return new UpstreamFailure("upstream_unreachable", { server }, { cause: thrown, harmless: true });
    case "connect":
      return new UpstreamFailure("upstream_unreachable", { server }, { cause: thrown, notRun });
    case "reset_before_response":
    case "reset":
      return new UpstreamFailure("upstream_lost", { server }, { cause: thrown, notRun });
    case "timeout":
      return new UpstreamFailure(
        "upstream_timeout",
        { server, seconds: secondsOf(call) },
        { cause: thrown, notRun },
      );
    case "protocol":
      return new UpstreamFailure("upstream_protocol_error", { server }, { cause: thrown, notRun });
    case "too_large":
      return new UpstreamFailure(
        "result_too_large",
        { limit: limitBytes },
        { cause: thrown, harmless: true },
      );
  }
}
