import type { PeerMessage } from "../model/ports/peers.ts";

const WAITING_MAX = 1_000;

interface Entry {
  readonly message: PeerMessage;
  readonly taken: () => void;
}

/** Messages to one process, in order: one request at a time carries all that gathered meanwhile. */
export class Outbox {
  readonly #send: (messages: readonly PeerMessage[]) => Promise<void>;
  #waiting: Entry[] = [];
  #isSending = false;

  constructor(send: (messages: readonly PeerMessage[]) => Promise<void>) {
    this.#send = send;
  }

  /** Resolves when the other has taken note, or will not. Past the bound the message is dropped; it is only a hint. */
  put(message: PeerMessage): Promise<void> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ message, taken: resolve });
    if (!this.#isSending) void this.#empty();
    return promise;
  }

  async #empty(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#send(batch.map(({ message }) => message)).catch(() => {});
      for (const { taken } of batch) taken();
    }
    this.#isSending = false;
  }
}
