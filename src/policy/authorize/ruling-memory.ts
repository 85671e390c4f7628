import type { Kind } from "./pattern.ts";

/** Of a kind that servers list, for all principals of a namespace together: some 60 bytes each beside the name. */
const LISTED_MAX = 100_000;
/** Callers make up URIs under a template, and methods. */
const MADE_UP_MAX = 10_000;
/** What callers make up may be long, and is kept by its name. */
const NAME_LENGTH_MAX = 256;

/** Held in common by the memories of one kind: how much there may be, how much there is, and where. */
interface Common<R> {
  readonly max: number;
  count: number;
  readonly filled: Set<Map<string, Map<string, R>>>;
}

/** What all views of a namespace keep, by kind, so that one kind's names never push out another's. */
export type RulingsKept<R> = Readonly<Record<Kind, Common<R>>>;

export function rulingsKept<R>(): RulingsKept<R> {
  const common = (max: number): Common<R> => ({ max, count: 0, filled: new Set() });
  return {
    tool: common(LISTED_MAX),
    prompt: common(LISTED_MAX),
    resource: common(MADE_UP_MAX),
    extension: common(MADE_UP_MAX),
  };
}

/** What one view found of targets of one kind, by the texts the catalog holds anyway: nothing is joined and hashed. */
export class RulingMemory<R> {
  readonly #common: Common<R>;
  readonly #byServer = new Map<string, Map<string, R>>();

  constructor(common: Common<R>) {
    this.#common = common;
  }

  get(server: string, name: string): R | undefined {
    return this.#byServer.get(server)?.get(name);
  }

  /** Past the bound all that share it begin anew. */
  set(server: string, name: string, ruling: R): void {
    if (name.length > NAME_LENGTH_MAX) return;
    const common = this.#common;
    if (common.count >= common.max) {
      for (const byServer of common.filled) byServer.clear();
      common.filled.clear();
      common.count = 0;
    }
    let byName = this.#byServer.get(server);
    if (byName === undefined) {
      byName = new Map();
      this.#byServer.set(server, byName);
      common.filled.add(this.#byServer);
    }
    byName.set(name, ruling);
    common.count++;
  }
}
