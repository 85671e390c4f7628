import { EventStream } from "./event-stream.ts";
import { ownedId, parseOwnedId } from "./owned-id.ts";
import type { ReplyStream } from "./post-reply.ts";

/** What is kept for a client that comes back (decisions, "Sessions and processes"). */
const KEPT_EVENTS_MAX = 256;
const KEPT_CHARS_MAX = 1_048_576;
/** Milliseconds; also sent as the client's reconnection delay's upper neighbour. */
const RETRY_MS = 1_000;

interface KeptEvent {
  readonly sequence: number;
  readonly data: string;
  readonly droppable: boolean;
}

/**
 * One event stream of a legacy session. It outlives its HTTP response: events carry ids, the last ones are kept, and a
 * client that lost the connection resumes with `Last-Event-ID` (2025-11-25 transports, "Resumability").
 */
export class SessionStream implements ReplyStream {
  readonly id: number;
  readonly #mark: string;
  readonly #numbered: boolean;
  readonly #primed: boolean;
  readonly #kept: KeptEvent[] = [];
  readonly #onEnd: () => void;
  #keptChars = 0;
  #sequence = 0;
  #reader: EventStream | undefined;
  #ended = false;

  /**
   * @param mark leads back to this process.
   * @param numbered the client's revision knows resumption (2025-03-26 and later).
   * @param primed it expects a first event with an id and no data (2025-11-25).
   * @param onEnd nothing more will be written.
   */
  constructor(id: number, mark: string, numbered: boolean, primed: boolean, onEnd: () => void) {
    this.id = id;
    this.#mark = mark;
    this.#numbered = numbered;
    this.#primed = primed;
    this.#onEnd = onEnd;
  }

  get ended(): boolean {
    return this.#ended;
  }
  /** Somebody reads right now. */
  get attached(): boolean {
    return this.#reader?.open === true;
  }
  get body(): ReadableStream<Uint8Array> {
    return this.attach();
  }

  /** A new reader, from the start or behind the event it saw last; a former reader's connection is closed. */
  attach(lastSequence?: number): ReadableStream<Uint8Array> {
    this.#reader?.close();
    const reader = new EventStream(() => {});
    this.#reader = reader;
    if (lastSequence === undefined && this.#primed) {
      reader.write("", { id: this.#eventId(this.#sequence), retry: RETRY_MS });
    } else {
      // The head of the response goes out with its first bytes, and a client that opens a stream waits for the head.
      reader.keepAlive();
    }
    for (const event of this.#kept) {
      if (event.sequence > (lastSequence ?? -1))
        reader.write(event.data, { id: this.#eventId(event.sequence) });
    }
    if (this.#ended) reader.close();
    return reader.body;
  }

  write(data: string, options: { readonly droppable?: boolean } = {}): void {
    if (this.#ended) return;
    if (!this.#numbered) {
      this.#reader?.write(data, options);
      return;
    }
    const sequence = ++this.#sequence;
    this.#keep({ sequence, data, droppable: options.droppable === true });
    this.#reader?.write(data, { ...options, id: this.#eventId(sequence) });
  }

  /** What was kept for a client that comes back is forgotten, but what waits for an answer. */
  forgetDroppable(): void {
    const rest = this.#kept.filter(({ droppable }) => !droppable);
    this.#kept.splice(0, this.#kept.length, ...rest);
    this.#keptChars = rest.reduce((chars, { data }) => chars + data.length, 0);
  }

  keepAlive(): void {
    this.#reader?.keepAlive();
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reader?.close();
    this.#onEnd();
  }

  #keep(event: KeptEvent): void {
    this.#kept.push(event);
    this.#keptChars += event.data.length;
    while (
      this.#kept.length > KEPT_EVENTS_MAX ||
      (this.#keptChars > KEPT_CHARS_MAX && this.#kept.length > 1)
    ) {
      this.#keptChars -= this.#kept.shift()?.data.length ?? 0;
    }
  }

  #eventId(sequence: number): string {
    return ownedId(this.#mark, `${this.id}-${sequence}`);
  }
}

/** Stream and sequence of an event id of the process whose mark is given. */
export function parseEventId(
  text: string,
  mark: string,
): { readonly streamId: number; readonly sequence: number } | undefined {
  const owned = parseOwnedId(text);
  if (owned?.mark !== mark) return undefined;
  const match = /^(\d{1,9})-(\d{1,9})$/.exec(owned.name);
  return match === null ? undefined : { streamId: Number(match[1]), sequence: Number(match[2]) };
}
