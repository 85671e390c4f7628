/**
 * The form of an API key: `mgw_`, 32 random base62 characters (190 bits), 6 characters of CRC-32. The checksum lets a
 * typing error, and most guesses, fail without a question to the store.
 */
const MARK = "mgw_";
const RANDOM_CHARS = 32;
const CHECKSUM_CHARS = 6;
const PREFIX_CHARS = 12;
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const form = new RegExp(`^${MARK}[0-9A-Za-z]{${RANDOM_CHARS + CHECKSUM_CHARS}}$`);
/** The largest multiple of 62 in a byte: higher bytes would favour the first characters. */
const BYTE_END = 248;

export const CREDENTIAL_CHARS = MARK.length + RANDOM_CHARS + CHECKSUM_CHARS;

/** A new key; shown once, never stored. */
export function newCredential(): string {
  let random = "";
  while (random.length < RANDOM_CHARS) {
    for (const byte of crypto.getRandomValues(new Uint8Array(2 * RANDOM_CHARS))) {
      if (byte < BYTE_END && random.length < RANDOM_CHARS) random += alphabet[byte % 62];
    }
  }
  return MARK + random + checksumOf(MARK + random);
}

/** Whether a text could be a key at all. Takes microseconds for any input. */
export function isWellFormed(credential: string): boolean {
  if (credential.length !== CREDENTIAL_CHARS || !form.test(credential)) return false;
  const end = CREDENTIAL_CHARS - CHECKSUM_CHARS;
  return credential.slice(end) === checksumOf(credential.slice(0, end));
}

/** What of a key may be shown: too little to guess the rest. */
export function displayPrefix(credential: string): string {
  return credential.slice(0, PREFIX_CHARS);
}

function checksumOf(text: string): string {
  let rest = Bun.hash.crc32(text);
  let checksum = "";
  for (let place = 0; place < CHECKSUM_CHARS; place++) {
    checksum = alphabet[rest % 62] + checksum;
    rest = Math.floor(rest / 62);
  }
  return checksum;
}
