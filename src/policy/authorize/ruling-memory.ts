import type { Kind } from "./pattern.ts";

/** Of a kind, for all principals of a namespace together: room for what 300,000 tools of usual names take. */
const BYTES_MAX = 32 << 20;
/** Of one, beside its name, which the catalog holds too until it lists others. */
const ENTRY_BYTES = 64;

/** What servers list; methods of extensions are whatever callers make up. */
export type ListedKind = Exclude<Kind, "extension">;

/** Held in common by the memories of one kind: how much there may be, how much there is, and where. */
interface Common<R> {
  readonly bytesMax: number;
  bytes: number;
  readonly filled: Set<Map<string, Map<string, R>>>;
}

/** What all views of a namespace keep, by kind, so that one kind's names never push out another's. */
export type RulingsKept<R> = Readonly<Record<ListedKind, Common<R>>>;

/** @param bytesMax of each kind */
export function rulingsKept<R>(bytesMax = BYTES_MAX): RulingsKept<R> {
  const common = (): Common<R> => ({ bytesMax, bytes: 0, filled: new Set() });
  return { tool: common(), prompt: common(), resource: common() };
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
    const common = this.#common;
    if (common.bytes >= common.bytesMax) {
      for (const byServer of common.filled) byServer.clear();
      common.filled.clear();
      common.bytes = 0;
    }
    let byName = this.#byServer.get(server);
    if (byName === undefined) {
      byName = new Map();
      this.#byServer.set(server, byName);
      common.filled.add(this.#byServer);
    }
    byName.set(name, ruling);
    common.bytes += ENTRY_BYTES + name.length;
  }
}
