/**
 * Authenticated encryption for what we hand out and take back: cursors, request states, legacy session ids. The sealed
 * form is base64url; every process with the same master key opens it.
 */
export interface Sealer {
  /**
   * @param purpose separates keys: what is sealed for one use opens for no other.
   * @param context bound to the text without being in it (a row's id); the same is needed to open.
   */
  seal(purpose: string, plaintext: string, context?: string): string;
  /** `undefined` for anything that was not sealed by us for this purpose, or was changed by a single bit. */
  open(purpose: string, sealed: string, context?: string): string | undefined;
}

/** A sealer over several master keys, of which the first seals and all open. */
export interface RotatingSealer extends Sealer {
  /** Names the key that seals now. */
  readonly keyId: string;
  /** The key a sealed text names, or `undefined` if it is none. Unauthenticated: it only says which key to try. */
  keyIdOf(sealed: string): string | undefined;
}
