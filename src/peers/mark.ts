import { randomBytes } from "node:crypto";
import type { Sealer } from "../model/ports/sealer.ts";

const PURPOSE = "peer";
const ID_BYTES = 9;
const KNOWN_MAX = 1_000;

/** An id no process had before. */
export function newPeerId(): string {
  return randomBytes(ID_BYTES).toString("base64url");
}

/** The sealed form of a process's id. Sealing binds it to the installation: nobody else can make an id that leads to a process. */
export class Marks {
  readonly own: string;
  readonly #sealer: Sealer;
  readonly #known = new Map<string, string>();

  constructor(sealer: Sealer, ownId: string) {
    this.#sealer = sealer;
    this.own = sealer.seal(PURPOSE, ownId);
    this.#known.set(this.own, ownId);
  }

  ownerOf(mark: string): string | undefined {
    const known = this.#known.get(mark);
    if (known !== undefined) return known;
    const id = this.#sealer.open(PURPOSE, mark);
    if (id === undefined) return undefined;
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(mark, id);
    return id;
  }
}
