import { GatewayError } from "../errors/gateway-error.ts";
import type { Store } from "../model/ports/store.ts";

/** How long a repeat waits for the first request, which is under way: creates take milliseconds. */
const WAIT_MS = 3_000;
const LOOK_MS = 25;

/** Printable ASCII, as the draft of the header has it. */
const NAME = /^[\x21-\x7e]{1,255}$/;

/** A request that names an `Idempotency-Key`, and what makes it the same request. */
export interface IdempotentRequest {
  readonly organizationId: string;
  readonly principalId: string;
  /** The header's value. */
  readonly name: string;
  /** Method and path. */
  readonly route: string;
  readonly body: string;
  readonly at: number;
}

/**
 * Runs a request once per key and principal, for a day: the same request again gets the first one's answer. Where the first
 * ended without one (it failed inside, or its process died) nobody can say whether it had its effect, and the key runs
 * nothing any more. A request that was refused had none; its key is free again. A repeat that comes while the first is under
 * way waits for its answer.
 * @throws GatewayError `idempotency_key_unanswered`, `idempotency_key_reused`, `invalid_request`
 */
export async function once<T>(
  keys: Store["idempotencyKeys"],
  request: IdempotentRequest,
  run: () => Promise<T>,
): Promise<{ readonly answer: T; readonly isReplay: boolean }> {
  const { organizationId, principalId, name, at } = request;
  if (!NAME.test(name)) {
    throw new GatewayError("invalid_request", {
      detail: "Idempotency-Key: must be 1 to 255 printable characters",
    });
  }
  const id = Bun.randomUUIDv7();
  const digest = Bun.SHA256.hash(`${request.route}\n${request.body}`, "hex");
  const wanted = { id, organizationId, principalId, name, digest, at };
  const until = performance.now() + WAIT_MS;
  let claim = await keys.claim(wanted);
  while (claim.state === "unanswered" && performance.now() < until) {
    await Bun.sleep(LOOK_MS);
    claim = await keys.claim(wanted);
  }
  if (claim.state === "answered") return { answer: JSON.parse(claim.answer) as T, isReplay: true };
  if (claim.state === "other_request") throw new GatewayError("idempotency_key_reused");
  if (claim.state === "unanswered") throw new GatewayError("idempotency_key_unanswered");
  let answer: T;
  try {
    answer = await run();
  } catch (thrown) {
    if (GatewayError.from(thrown).httpStatus < 500) await keys.release(id);
    throw thrown;
  }
  await keys.answer(id, JSON.stringify(answer));
  return { answer, isReplay: false };
}
