import { GatewayError } from "../errors/gateway-error.ts";
import type { Finding } from "./credential-cache.ts";

/** The store has this long for a caller who is not known: with it away, a client shall hear within 2 s, and try again. */
const STORE_MS_MAX = 1_500;

/**
 * A look-up in the store that does not wait as long as a statement may.
 * @throws GatewayError (the promise rejects) `store_unavailable` where it takes longer
 */
export function boundedLook<L extends (credential: string) => Promise<Finding> | undefined>(look: L): L {
  const bounded = (credential: string) => {
    const answer = look(credential);
    return answer && withinStoreTime(answer);
  };
  return bounded as L;
}

async function withinStoreTime(answer: Promise<Finding>): Promise<Finding> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new GatewayError("store_unavailable")), STORE_MS_MAX);
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
