import { Cancellation } from "../../../model/cancellation.ts";
import { backoffMs } from "../backoff.ts";
import type { UpstreamCounters } from "../counters.ts";
import type { IncomingMessage } from "../message.ts";
import { readStream } from "./answer-stream.ts";
import { type HttpEndpoint, isEventStream } from "./endpoint.ts";

const STABLE_MS = 5000;

interface StandaloneSettings {
  readonly endpoint: HttpEndpoint;
  readonly headers: string;
  readonly onMessage: (message: IncomingMessage, bytes: number) => void;
  readonly onExpired: () => void;
  readonly counters: UpstreamCounters;
  readonly random: () => number;
}

/**
 * The optional GET stream of a legacy session (2025-11-25, basic/transports, "Listening for messages from the server"):
 * opened anew when it ends, from the last event id, after the time the server asked for. A server without one says 405.
 */
export class StandaloneStream {
  readonly #settings: StandaloneSettings;
  readonly #cancellation = new Cancellation();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #lastEventId: string | undefined;
  #opened = false;

  constructor(settings: StandaloneSettings) {
    this.#settings = settings;
  }

  open(): void {
    void this.#run();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#cancellation.cancel("client_gone");
  }

  async #run(): Promise<void> {
    const { endpoint, counters, random } = this.#settings;
    const { server, limits } = endpoint;
    const startedAt = Date.now();
    let retryMs: number | undefined;
    try {
      const id = this.#lastEventId;
      const resume = id !== undefined && /^[\t\x20-\x7e]*$/.test(id) ? `last-event-id: ${id}\r\n` : "";
      const response = await endpoint.get(
        this.#settings.headers + resume,
        this.#cancellation,
        limits.streamIdleMs,
      );
      const { status } = response;
      if (status === 200 && isEventStream(response.header("content-type"))) {
        this.#opened = true;
        const end = await readStream(response, server, "", limits.resultBytesMax, (message, bytes) => {
          this.#settings.onMessage(message, bytes);
          return false;
        });
        this.#lastEventId = end.lastEventId ?? this.#lastEventId;
        retryMs = end.retryMs;
      } else {
        response.abort();
        if (this.#cancellation.cancelled) return;
        // Before the first success any refusal means that there is no such stream.
        if (status === 404 && this.#opened) return this.#settings.onExpired();
        if (status < 500 || !this.#opened) return;
      }
    } catch {
      // The back-off below is the answer; a dead session shows at its next request.
    }
    if (this.#cancellation.cancelled) return;
    const stable = Date.now() - startedAt >= STABLE_MS || retryMs !== undefined;
    this.#failures = stable ? 0 : this.#failures + 1;
    counters.streamReopens++;
    const delayMs = retryMs ?? 20 + backoffMs(this.#failures, 200, 10_000, random);
    this.#timer = setTimeout(() => void this.#run(), Math.max(10, delayMs));
    this.#timer.unref?.();
  }
}
