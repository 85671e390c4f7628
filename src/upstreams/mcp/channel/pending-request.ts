import type { Outcome, UpstreamCall } from "../../../model/call.ts";
import type { Timed } from "./deadline-wheel.ts";

/** What the server answered. */
export type Answer = Exclude<Outcome, { kind: "list" }>;

/** One request sent and not yet answered. Its id is also its progress token. */
export class PendingRequest implements Timed {
  readonly id: number;
  readonly method: string;
  /** The call it carries; undefined for requests of the connection itself. */
  readonly call: UpstreamCall | undefined;
  readonly startedAt: number;
  seat = -1;
  slot = -1;
  readonly answer: Promise<Answer>;
  readonly #deadline: number;
  readonly #onDue: (pending: PendingRequest) => void;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #questions = 0;
  #pausedSince = 0;
  #pausedMs = 0;
  /** Removes the cancellation listener. */
  release: (() => void) | undefined;

  constructor(
    id: number,
    method: string,
    about: { call?: UpstreamCall; deadline: number; now: number },
    onDue: (pending: PendingRequest) => void,
  ) {
    this.id = id;
    this.method = method;
    this.call = about.call;
    this.startedAt = about.now;
    this.#deadline = about.deadline;
    this.#onDue = onDue;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The time a question spends with the client is not the server's, so the clock stands still meanwhile. */
  dueAt(): number {
    if (this.#questions > 0) return Number.POSITIVE_INFINITY;
    return (this.call?.deadline ?? this.#deadline) + this.#pausedMs;
  }
  onDue(): void {
    this.#onDue(this);
  }
  /** Its client is being asked something. */
  get isAsking(): boolean {
    return this.#questions > 0;
  }
  pause(now: number): void {
    if (this.#questions++ === 0) this.#pausedSince = now;
  }
  resume(now: number): void {
    if (--this.#questions === 0) this.#pausedMs += now - this.#pausedSince;
  }

  /** Seconds it was given, for the error text. */
  get seconds(): number {
    return Math.max(1, Math.round(((this.call?.deadline ?? this.#deadline) - this.startedAt) / 1000));
  }

  resolve(answer: Answer): void {
    this.release?.();
    this.#resolve(answer);
  }
  reject(error: Error): void {
    this.release?.();
    this.#reject(error);
  }
}
