/**
 * Authenticated encryption under keys derived from the master key, one per purpose. A sealed text is base64url, carries
 * the id of its key, and opens under any configured master key: `1` version byte, `4` key id, `12` nonce, ciphertext,
 * `16` tag — 45 + length bytes before encoding. Synchronous, a few microseconds.
 */
export interface Sealer {
  /** Id of the key that seals now. */
  readonly keyId: string;
  /** @param context bound to the text without being in it (a row's id, a session's); the same is needed to open. */
  seal(purpose: string, text: string, context?: string): string;
  /** `undefined` for anything not sealed for this purpose and context by a configured key; never throws on input. */
  open(purpose: string, sealed: string, context?: string): string | undefined;
  /** Key id of a sealed text, or `undefined` if it is none. Unauthenticated: only says which key to try. */
  keyIdOf(sealed: string): string | undefined;
}
