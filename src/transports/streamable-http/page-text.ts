import type { PageItems } from "../../model/page-items.ts";
import type { WrittenBody } from "../../net/listener/text-answer.ts";

/** The JSON-RPC text of one page of a list: items that many callers share, and what stands around them for this one. */
export class PageText implements WrittenBody {
  readonly #head: string;
  readonly #items: PageItems;
  readonly #tail: string;

  constructor(head: string, items: PageItems, tail: string) {
    this.#head = head;
    this.#items = items;
    this.#tail = tail;
  }

  get byteLength(): number {
    return Buffer.byteLength(this.#head) + this.#items.byteLength + Buffer.byteLength(this.#tail);
  }

  transient(head: string): Uint8Array<ArrayBuffer> {
    return this.#items.transient(head + this.#head, this.#tail);
  }

  toString(): string {
    return this.#head + this.#items.toString() + this.#tail;
  }
}
