import type { PageItems } from "../../model/page-items.ts";

/** The JSON-RPC text of one page of a list: items that many callers share, and what stands around them for this one. */
export class PageText {
  readonly #head: string;
  readonly #items: PageItems;
  readonly #tail: string;

  constructor(head: string, items: PageItems, tail: string) {
    this.#head = head;
    this.#items = items;
    this.#tail = tail;
  }

  /** Of a `Response`, which copies it at once: the next answer with this page is written over it. */
  transient(): Uint8Array<ArrayBuffer> {
    return this.#items.transient(this.#head, this.#tail);
  }

  toString(): string {
    return this.#head + this.#items.toString() + this.#tail;
  }
}

export function bodyOf(text: string | PageText): string | Uint8Array<ArrayBuffer> {
  return typeof text === "string" ? text : text.transient();
}
