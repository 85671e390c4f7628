import { GatewayError } from "../errors/gateway-error.ts";

/** Queries at once in a process; more wait for their turn. */
const AT_ONCE_MAX = 4;
/** Of one organisation, so that it does not take the turns of all. */
const OF_ONE_MAX = 2;
/** One more is refused; an organisation fills a part of the room at most. */
const WAITING_MAX = 100;
const WAITING_OF_ONE_MAX = 25;

interface Waiting {
  readonly organizationId: string;
  readonly begin: () => void;
}

/**
 * Whose turn it is to look through the record. A query has `msMax`, its wait for a turn included; one that is late is
 * given up, and keeps its turn until it has really ended, so that late ones do not pile up.
 */
export class ReadTurns {
  readonly #msMax: number;
  readonly #running = new Map<string, number>();
  #atOnce = 0;
  #waiting: Waiting[] = [];

  constructor(msMax: number) {
    this.#msMax = msMax;
  }

  /**
   * `query` gets a signal that is aborted when it is late; what it does then interests nobody.
   * @throws GatewayError `record_query_timeout` when it is late, `overloaded` where too many wait
   */
  async take<T>(organizationId: string, query: (late: AbortSignal) => Promise<T>): Promise<T> {
    const ofOne = this.#waiting.filter((waiting) => waiting.organizationId === organizationId).length;
    if (this.#waiting.length >= WAITING_MAX || ofOne >= WAITING_OF_ONE_MAX)
      throw new GatewayError("overloaded", {});
    const late = new AbortController();
    const { promise, reject, resolve } = Promise.withResolvers<T>();
    const turn: Waiting = {
      organizationId,
      begin: () => {
        this.#count(organizationId, 1);
        const ended = () => {
          this.#count(organizationId, -1);
          this.#next();
        };
        void (async () => query(late.signal))().then(resolve, reject).then(ended);
      },
    };
    const timer = setTimeout(() => {
      const failure = new GatewayError("record_query_timeout", { seconds: Math.ceil(this.#msMax / 1_000) });
      late.abort(failure);
      this.#waiting = this.#waiting.filter((waiting) => waiting !== turn);
      reject(failure);
    }, this.#msMax);
    this.#waiting.push(turn);
    this.#next();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Begins what may begin, in the order it came. */
  #next(): void {
    while (this.#atOnce < AT_ONCE_MAX) {
      const at = this.#waiting.findIndex(({ organizationId }) => this.#of(organizationId) < OF_ONE_MAX);
      const [turn] = at < 0 ? [] : this.#waiting.splice(at, 1);
      if (turn === undefined) return;
      turn.begin();
    }
  }

  #of(organizationId: string): number {
    return this.#running.get(organizationId) ?? 0;
  }

  #count(organizationId: string, change: 1 | -1): void {
    this.#atOnce += change;
    const running = this.#of(organizationId) + change;
    if (running === 0) this.#running.delete(organizationId);
    else this.#running.set(organizationId, running);
  }
}
