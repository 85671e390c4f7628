import type { HttpResponse } from "../../../net/http-exchange.ts";
import { SseEventTooLarge, SseReader } from "../../../protocol/sse.ts";
import { UpstreamFailure } from "../failure.ts";
import { type IncomingMessage, readMessages } from "../message.ts";

/** A server that has answered may take this long to end its stream before the connection is given up. */
const TAIL_MS = 1000;

export interface StreamEnd {
  /** `false` where `onMessage` said that it has all it wants. */
  readonly unfinished: boolean;
  readonly lastEventId: string | undefined;
  readonly retryMs: number | undefined;
  /** What broke the stream, where it did not end in order. */
  readonly thrown: unknown;
}

/**
 * Reads an event stream message by message, until its end or until `onMessage` returns true. Empty events (priming, keep-alive)
 * are skipped. Never rejects: what went wrong is in the result, beside the event id to resume from.
 * @param onMessage @returns true when nothing more is wanted
 */
export function readStream(
  response: HttpResponse,
  server: string,
  method: string,
  eventBytesMax: number,
  onMessage: (message: IncomingMessage, bytes: number) => boolean,
): Promise<StreamEnd> {
  return new Promise((resolve) => {
    const reader = new SseReader(eventBytesMax);
    let done = false;
    let tail: ReturnType<typeof setTimeout> | undefined;
    const end = (thrown?: unknown) => {
      resolve({ unfinished: !done, lastEventId: reader.lastEventId, retryMs: reader.retryMs, thrown });
    };
    const onChunk = (chunk: Uint8Array) => {
      if (done) return;
      try {
        for (const event of reader.push(chunk)) {
          if (event.data === "") continue;
          for (const message of readMessages(event.data, server, method)) {
            if (!onMessage(message, event.data.length)) continue;
            done = true;
            // The answer does not wait for the end of the stream, but the connection is kept if that comes soon.
            tail = setTimeout(() => response.abort(), TAIL_MS);
            end();
            return;
          }
        }
      } catch (thrown) {
        done = true;
        resolve({
          unfinished: true,
          lastEventId: undefined,
          retryMs: undefined,
          thrown:
            thrown instanceof SseEventTooLarge
              ? new UpstreamFailure(
                  "result_too_large",
                  { limit: eventBytesMax },
                  { cause: thrown, harmless: true },
                )
              : thrown,
        });
        response.abort();
      }
    };
    response.pipe(onChunk).then(
      () => {
        clearTimeout(tail);
        end();
      },
      (thrown: unknown) => {
        clearTimeout(tail);
        end(thrown ?? new Error("the stream broke"));
      },
    );
  });
}
