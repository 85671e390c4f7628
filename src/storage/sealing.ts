import { createCipheriv, createDecipheriv, hkdfSync, randomFillSync } from "node:crypto";
import type { RotatingSealer } from "../model/ports/sealer.ts";

/**
 * Layout of a sealed text before base64url: version (1 byte), key id (4), nonce (12), ciphertext, tag (16). AES-256-GCM
 * under a key that HKDF-SHA-256 derives from one master key and the purpose.
 */
const VERSION = 1;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NONCE_AT = 1 + KEY_ID_BYTES;
const TEXT_AT = NONCE_AT + NONCE_BYTES;
const KEY_BYTES = 32;
const MASTER_BYTES_MIN = 32;
const COUNTER_END = 2 ** 32;
const SEALED_FORM = /^[A-Za-z0-9_-]+$/;

class MasterKey {
  readonly id: Buffer;
  readonly #secret: Uint8Array;
  readonly #keys = new Map<string, Buffer>();

  constructor(secret: Uint8Array) {
    this.#secret = secret;
    this.id = this.#derive("key-id").subarray(0, KEY_ID_BYTES);
  }

  /** Purposes are constants of the program, so the map stays small. */
  keyFor(purpose: string): Buffer {
    let key = this.#keys.get(purpose);
    if (key === undefined) {
      key = this.#derive(`seal/${purpose}`);
      this.#keys.set(purpose, key);
    }
    return key;
  }

  #derive(info: string): Buffer {
    return Buffer.from(hkdfSync("sha256", this.#secret, "mcp-gateway", info, KEY_BYTES));
  }
}

/**
 * The sealer of a list of master keys: the first seals, all open. Nonces are eight random bytes, drawn anew for each
 * sealer, and a counter, so that no number of sealed texts makes a repetition likely, as random nonces would.
 * @param secrets 32 bytes or more each.
 */
export function createSealer(secrets: readonly Uint8Array[]): RotatingSealer {
  const keys = secrets.map((secret) => new MasterKey(secret));
  const [primary] = keys;
  if (primary === undefined || secrets.some((secret) => secret.length < MASTER_BYTES_MIN)) {
    throw new Error(`a sealer needs master keys of ${MASTER_BYTES_MIN} bytes or more`);
  }
  const nonce = Buffer.alloc(NONCE_BYTES);
  let counter = COUNTER_END;
  const nextNonce = (): Buffer => {
    if (counter >= COUNTER_END) {
      randomFillSync(nonce);
      counter = 0;
    }
    nonce.writeUInt32BE(counter++, NONCE_BYTES - 4);
    return nonce;
  };

  return {
    keyId: primary.id.toString("hex"),
    seal: (purpose, plaintext, context) => {
      const text = Buffer.from(plaintext);
      const sealed = Buffer.allocUnsafe(TEXT_AT + text.length + TAG_BYTES);
      sealed[0] = VERSION;
      primary.id.copy(sealed, 1);
      const used = nextNonce();
      used.copy(sealed, NONCE_AT);
      const cipher = createCipheriv("aes-256-gcm", primary.keyFor(purpose), used);
      if (context !== undefined) cipher.setAAD(Buffer.from(context));
      cipher.update(text).copy(sealed, TEXT_AT);
      cipher.final();
      cipher.getAuthTag().copy(sealed, TEXT_AT + text.length);
      return sealed.toString("base64url");
    },
    open: (purpose, sealedText, context) => {
      const sealed = bytesOf(sealedText);
      const key = sealed && keys.find(({ id }) => sealed.compare(id, 0, KEY_ID_BYTES, 1, NONCE_AT) === 0);
      if (sealed === undefined || key === undefined) return undefined;
      const end = sealed.length - TAG_BYTES;
      const decipher = createDecipheriv(
        "aes-256-gcm",
        key.keyFor(purpose),
        sealed.subarray(NONCE_AT, TEXT_AT),
        { authTagLength: TAG_BYTES },
      );
      if (context !== undefined) decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(sealed.subarray(end));
      const text = decipher.update(sealed.subarray(TEXT_AT, end));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return text.toString("utf8");
    },
    keyIdOf: (sealedText) => bytesOf(sealedText)?.toString("hex", 1, NONCE_AT),
  };
}

/** `undefined` for anything but the one encoding of a long enough text: a second spelling of a sealed text is refused. */
function bytesOf(text: string): Buffer | undefined {
  if (!SEALED_FORM.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length < TEXT_AT + TAG_BYTES || bytes[0] !== VERSION) return undefined;
  // Unused low bits of the last character would let it be changed without notice.
  return text.length % 4 === 0 ||
    bytes.toString("base64url", bytes.length - (bytes.length % 3)) === text.slice(-(text.length % 4))
    ? bytes
    : undefined;
}
