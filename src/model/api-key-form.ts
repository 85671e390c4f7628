/**
 * The form of an API key: `mgw_`, 32 random base62 characters (190 bits), 6 characters of CRC-32. The checksum lets a
 * typing error, and most guesses, fail without a question to the store.
 */
export const CREDENTIAL_MARK = "mgw_";
export const CREDENTIAL_RANDOM_CHARS = 32;
const CHECKSUM_CHARS = 6;
export const credentialAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const form = new RegExp(`^${CREDENTIAL_MARK}[0-9A-Za-z]{${CREDENTIAL_RANDOM_CHARS + CHECKSUM_CHARS}}$`);

export const CREDENTIAL_CHARS = CREDENTIAL_MARK.length + CREDENTIAL_RANDOM_CHARS + CHECKSUM_CHARS;

/** Whether a text could be a key at all. Takes microseconds for any input. */
export function isWellFormed(credential: string): boolean {
  if (credential.length !== CREDENTIAL_CHARS || !form.test(credential)) return false;
  const end = CREDENTIAL_CHARS - CHECKSUM_CHARS;
  return credential.slice(end) === checksumOf(credential.slice(0, end));
}

/** The last characters of a key, from those before them. */
export function checksumOf(text: string): string {
  let rest = Bun.hash.crc32(text);
  let checksum = "";
  for (let place = 0; place < CHECKSUM_CHARS; place++) {
    checksum = credentialAlphabet[rest % 62] + checksum;
    rest = Math.floor(rest / 62);
  }
  return checksum;
}
