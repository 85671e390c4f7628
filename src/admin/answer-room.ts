import { GatewayError } from "../errors/gateway-error.ts";

/** Answers that are made while they are read, at once in a process: each holds a page that its reader may not take. */
const AT_ONCE_MAX = 32;
/** Of the callers of one organisation, so that they do not take the room of all. */
const OF_ONE_MAX = 8;

/** How many answers are being read, by whose callers read them. */
export class AnswerRoom {
  readonly #open = new Map<string, number>();
  #all = 0;

  /** @throws GatewayError `overloaded` where there is no room for one more */
  check(organizationId: string): void {
    if (this.#all >= AT_ONCE_MAX || (this.#open.get(organizationId) ?? 0) >= OF_ONE_MAX)
      throw new GatewayError("overloaded");
  }

  /** @returns to be called once, when it has ended @throws GatewayError `overloaded` */
  enter(organizationId: string): () => void {
    this.check(organizationId);
    this.#count(organizationId, 1);
    return () => this.#count(organizationId, -1);
  }

  #count(organizationId: string, change: 1 | -1): void {
    this.#all += change;
    const open = (this.#open.get(organizationId) ?? 0) + change;
    if (open === 0) this.#open.delete(organizationId);
    else this.#open.set(organizationId, open);
  }
}
