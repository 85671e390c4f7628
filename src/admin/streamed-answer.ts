import type { Principal } from "../model/principal.ts";

/** Of one piece. */
const PIECE_BYTES_MAX = 64 * 1024;
/** Longest a reader may take for one; then it is given up. */
const READER_MS_MAX = 15_000;

/** Answers that are still being read: each ends with its caller's rights, and with the process. */
export interface OpenAnswers {
  /**
   * @param renew called with the caller's rights where they changed
   * @param end called where there are none any more, or the process ends
   * @returns to be called when it has ended
   */
  enter(principal: Principal, renew: (principal: Principal) => void, end: () => void): () => void;
}

export interface StreamedAnswer {
  readonly texts: AsyncIterable<string>;
  readonly principal: Principal;
  readonly openAnswers: OpenAnswers;
  /** Whether it may go on with these rights. */
  readonly permits: (principal: Principal) => boolean;
  /** Called once, whichever way it ends. */
  readonly onEnd: () => void;
  /** Told of what broke it off. */
  readonly onFailure: (cause: unknown) => void;
}

/**
 * A body that is made as its reader takes it. One that cannot be finished, or is not taken, breaks the connection off, which
 * no client takes for its end.
 */
export function streamedAnswer(answer: StreamedAnswer): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const source = answer.texts[Symbol.asyncIterator]();
  let isOver = false;
  let leave: () => void = () => {};
  let unread: ReturnType<typeof setTimeout> | undefined;
  /** Encoded and not taken yet. */
  let left = new Uint8Array();
  const over = (): boolean => {
    if (isOver) return false;
    isOver = true;
    clearTimeout(unread);
    leave();
    answer.onEnd();
    void source.return?.();
    return true;
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const end = () => {
          if (over()) breakOff(controller);
        };
        const renew = (principal: Principal) => {
          if (!answer.permits(principal)) end();
        };
        leave = answer.openAnswers.enter(answer.principal, renew, end);
      },
      async pull(controller) {
        clearTimeout(unread);
        try {
          while (left.length === 0) {
            const next = await source.next();
            if (isOver) return;
            if (next.done === true) {
              over();
              controller.close();
              return;
            }
            left = encoder.encode(next.value);
          }
        } catch (cause) {
          if (!over()) return;
          answer.onFailure(cause);
          breakOff(controller);
          return;
        }
        controller.enqueue(left.subarray(0, PIECE_BYTES_MAX));
        left = left.subarray(PIECE_BYTES_MAX);
        unread = setTimeout(() => {
          if (over()) breakOff(controller);
        }, READER_MS_MAX);
      },
      cancel() {
        over();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Without a reason: whoever reads it would print one, and whoever ends it has said why. */
function breakOff(controller: ReadableStreamDefaultController<Uint8Array>): void {
  controller.error();
}
