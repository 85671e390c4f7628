/**
 * Authenticated encryption for what we hand out and take back: cursors, request states, legacy session ids. The sealed
 * form is base64url; every process with the same master key opens it.
 */
export interface Sealer {
  /** @param purpose separates keys: what is sealed for one use opens for no other. */
  seal(purpose: string, plaintext: string): string;
  /** `undefined` for anything that was not sealed by us for this purpose, or was changed by a single bit. */
  open(purpose: string, sealed: string): string | undefined;
}
