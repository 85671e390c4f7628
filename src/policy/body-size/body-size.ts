import { GatewayError } from "../../errors/gateway-error.ts";
import type { Arrival } from "../../model/arrival.ts";
import type { Policy } from "../policy.ts";

/** Refuses a declared length over the limit before a byte is read; undeclared lengths are bounded while reading. */
export function bodySizePolicy<R>(bodyBytesMax: number): Policy<Arrival, R> {
  return (arrival, next) => {
    const declared = arrival.request.headers.get("content-length");
    if (declared !== null && Number(declared) > bodyBytesMax) {
      throw new GatewayError("body_too_large", { limit: bodyBytesMax });
    }
    return next(arrival);
  };
}
