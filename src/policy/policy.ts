/**
 * A layer around something that happens: an arrival at the door, a call, an administrative operation. It may pass `x` on,
 * refuse by throwing a `GatewayError`, or look at the way back. A layer that has nothing to await returns `next(x)` itself,
 * so that a call costs no promise per layer.
 */
export type Policy<X, R> = (x: X, next: Next<X, R>) => R | Promise<R>;
export type Next<X, R> = (x: X) => R | Promise<R>;

/** A row of a table of layers: the order is the meaning, so each row says why it stands where it stands. */
export interface Layer<X, R> {
  readonly name: string;
  readonly reason: string;
  readonly policy: Policy<X, R>;
}
