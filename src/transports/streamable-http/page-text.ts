import type { PageItems } from "../../model/page-items.ts";
import type { WrittenBody } from "../../net/listener/text-answer.ts";

/** The JSON-RPC text of one page of a list: items that many callers share, and what stands around them for this one. */
export class PageText implements WrittenBody {
  readonly #head: Buffer;
  readonly #items: PageItems;
  readonly #tail: Buffer;

  constructor(head: string, items: PageItems, tail: string) {
    this.#head = Buffer.from(head);
    this.#items = items;
    this.#tail = Buffer.from(tail);
  }

  get byteLength(): number {
    return this.#head.length + this.#items.byteLength + this.#tail.length;
  }

  writeInto(buffer: Buffer, at: number): void {
    const itemsAt = at + this.#head.length;
    buffer.set(this.#head, at);
    this.#items.writeInto(buffer, itemsAt);
    buffer.set(this.#tail, itemsAt + this.#items.byteLength);
  }

  toString(): string {
    return this.#head.toString() + this.#items.toString() + this.#tail.toString();
  }
}
