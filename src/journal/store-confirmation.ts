import { GatewayError } from "../errors/gateway-error.ts";

/** How long a call waits for the store; its client shall hear within 2 s. */
const WAIT_MS_MAX = 1_500;
const LOOK_MS = 5;

interface Waiting {
  readonly position: number;
  readonly deadline: number;
  readonly turn: PromiseWithResolvers<void>;
}

/** Lets those go on whose records every sink has, and tells the others that they are not there (in time). */
export class StoreConfirmation {
  readonly #drained: () => number;
  readonly #waiting: Waiting[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #isOut = false;

  /** @param drained how much of the chain every sink has */
  constructor(drained: () => number) {
    this.#drained = drained;
  }

  /** What a sink said of itself. While it is out nobody waits for it: the drain finds out when it is back. */
  set out(isOut: boolean) {
    this.#isOut = isOut;
    if (isOut) this.#look();
  }

  /** @throws GatewayError `journal_unavailable` (the promise rejects) where the record is not there in time */
  until(position: number): Promise<void> | undefined {
    if (this.#drained() >= position) return undefined;
    if (this.#isOut) return Promise.reject(unavailable());
    const turn = Promise.withResolvers<void>();
    this.#waiting.push({ position, deadline: performance.now() + WAIT_MS_MAX, turn });
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    return turn.promise;
  }

  /** Nobody looks any more. */
  close(): void {
    this.#isOut = true;
    this.#look();
  }

  /** They came in the order of their positions and deadlines. */
  #look(): void {
    const drained = this.#drained();
    const now = performance.now();
    let done = 0;
    for (const { position, deadline, turn } of this.#waiting) {
      if (drained >= position) turn.resolve();
      else if (this.#isOut || now >= deadline) turn.reject(unavailable());
      else break;
      done++;
    }
    this.#waiting.splice(0, done);
    if (this.#waiting.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function unavailable(): GatewayError {
  return new GatewayError(
    "journal_unavailable",
    {},
    { cause: new Error("the store does not have the record") },
  );
}
