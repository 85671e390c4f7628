/** Fewer different bytes than any 32 random ones have: a repeated pattern or typed text. */
const DISTINCT_BYTES_MIN = 16;
const KEY_BYTES_MIN = 32;

/** What is wrong with a master key, or undefined. Keys are 32 random bytes or more in base64, base64url or hex. */
export function masterKeyFault(key: string): string | undefined {
  const bytes = masterKeyBytes(key);
  if (bytes === undefined) return "a key that is neither base64 nor hex";
  if (bytes.length < KEY_BYTES_MIN) return `a key of ${bytes.length} bytes`;
  return new Set(bytes).size < DISTINCT_BYTES_MIN ? "a key that is not random" : undefined;
}

export function masterKeyBytes(key: string): Uint8Array | undefined {
  if (/^([0-9a-f]{2})+$/i.test(key) && key.length >= 2 * KEY_BYTES_MIN) return Buffer.from(key, "hex");
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(key) || /^[A-Za-z0-9_-]+={0,2}$/.test(key))
    return Buffer.from(key, "base64");
  return undefined;
}

/** Several keys are separated by commas or white space; the first seals. */
export function splitMasterKeys(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((key) => key !== "");
}
