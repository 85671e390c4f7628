/** Why work was stopped; the text is for logs and journal, never for a peer. */
export type CancelReason =
  | "client_gone"
  | "client_cancelled"
  | "deadline"
  | "shutdown"
  | "upstream_lost"
  | "abandoned"
  | "unrecorded";

type Listener = (reason: CancelReason) => void;

/**
 * A one-shot cancellation flag. Costs a plain object where an `AbortController` costs 0.7 µs a call;
 * `signal()` makes a real `AbortSignal` for the few callees that need one.
 */
export class Cancellation {
  #reason: CancelReason | undefined;
  /** One listener is the rule. */
  #first: Listener | undefined;
  #others: Set<Listener> | undefined;

  get reason(): CancelReason | undefined {
    return this.#reason;
  }
  get cancelled(): boolean {
    return this.#reason !== undefined;
  }

  /** Runs every listener once, whatever one of them throws (which is thrown at the end); later calls do nothing. */
  cancel(reason: CancelReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const listeners = [...(this.#first === undefined ? [] : [this.#first]), ...(this.#others ?? [])];
    this.#first = undefined;
    this.#others = undefined;
    const thrown: unknown[] = [];
    for (const listener of listeners) {
      try {
        listener(reason);
      } catch (cause) {
        thrown.push(cause);
      }
    }
    if (thrown.length > 0) throw thrown[0];
  }

  /** Calls `listener` when cancelled (at once if it already is). Returns the function that removes it. */
  onCancel(listener: Listener): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return () => {};
    }
    if (this.#first === undefined) {
      this.#first = listener;
      return () => {
        if (this.#first === listener) this.#first = undefined;
      };
    }
    this.#others ??= new Set();
    this.#others.add(listener);
    return () => this.#others?.delete(listener);
  }

  signal(): AbortSignal {
    const controller = new AbortController();
    this.onCancel(() => controller.abort());
    return controller.signal;
  }
}
