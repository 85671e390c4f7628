import {
  CREDENTIAL_MARK,
  CREDENTIAL_RANDOM_CHARS,
  checksumOf,
  credentialAlphabet,
} from "../../model/api-key-form.ts";

const PREFIX_CHARS = 12;
/** The largest multiple of 62 in a byte: higher bytes would favour the first characters. */
const BYTE_END = 248;

/** A new key; shown once, never stored. */
export function newCredential(): string {
  let random = "";
  while (random.length < CREDENTIAL_RANDOM_CHARS) {
    for (const byte of crypto.getRandomValues(new Uint8Array(2 * CREDENTIAL_RANDOM_CHARS))) {
      if (byte < BYTE_END && random.length < CREDENTIAL_RANDOM_CHARS) random += credentialAlphabet[byte % 62];
    }
  }
  return CREDENTIAL_MARK + random + checksumOf(CREDENTIAL_MARK + random);
}

/** What of a key may be shown: too little to guess the rest. */
export function displayPrefix(credential: string): string {
  return credential.slice(0, PREFIX_CHARS);
}
