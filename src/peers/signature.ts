import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";

const SCHEME = "MCP-Gateway-Peer";
const VERSION = "1";
const KEY_BYTES = 32;
const NONCE_BYTES = 16;
const FORM = /^MCP-Gateway-Peer ([\w-]{1,64})\.(0|[1-9]\d{0,15})\.([\w-]{22})\.([\w-]{43})\.([\w-]{43})$/;

/** What a signature says, once it holds. */
export interface Signed {
  /** The process it is for; every other one refuses it. */
  readonly target: string;
  /** Milliseconds since the epoch, by the sender's clock. */
  readonly at: number;
  readonly nonce: string;
  /** SHA-256 of the body. */
  readonly digest: string;
}

export function digestOf(body: string): string {
  return createHash("sha256").update(body).digest("base64url");
}

/**
 * Signs requests between processes: HMAC-SHA-256 under a key that HKDF derives from the master key, over act, target, time,
 * nonce and the body's digest. The first key signs, all verify, so that keys can be rotated.
 */
export class PeerKey {
  readonly #keys: readonly Buffer[];

  constructor(secrets: readonly Uint8Array[]) {
    this.#keys = secrets.map((secret) =>
      Buffer.from(hkdfSync("sha256", secret, "mcp-gateway", "peer-request", KEY_BYTES)),
    );
  }

  /** The `Authorization` header of a request. */
  sign(act: string, target: string, body: string, at: number): string {
    const signed = {
      target,
      at,
      nonce: randomBytes(NONCE_BYTES).toString("base64url"),
      digest: digestOf(body),
    };
    const mac = this.#mac(this.#keys[0] as Buffer, act, signed);
    return `${SCHEME} ${target}.${at}.${signed.nonce}.${signed.digest}.${mac}`;
  }

  /** `undefined` for whatever none of our keys signed for this act. Neither time nor nonce is judged here. */
  verify(act: string, authorization: string | null): Signed | undefined {
    const match = authorization === null ? null : FORM.exec(authorization);
    if (match === null) return undefined;
    const [, target, at, nonce, digest, mac] = match as unknown as string[];
    const signed = { target, at: Number(at), nonce, digest } as Signed;
    // As texts: the last character of a base64url text has bits that its bytes do not show.
    const presented = Buffer.from(mac as string);
    const holds = this.#keys.some((key) => {
      const expected = Buffer.from(this.#mac(key, act, signed));
      return expected.length === presented.length && timingSafeEqual(expected, presented);
    });
    return holds ? signed : undefined;
  }

  #mac(key: Buffer, act: string, { target, at, nonce, digest }: Signed): string {
    const text = [VERSION, act, target, at, nonce, digest].join("\n");
    return createHmac("sha256", key).update(text).digest("base64url");
  }
}

/** A request older or newer than this is refused: clocks of machines may differ by so much. */
const WINDOW_MS = 60_000;
const NONCES_MAX = 200_000;

/** Takes each signature once: a request somebody recorded is refused when it comes again. */
export class ReplayGuard {
  #recent = new Set<string>();
  #former = new Set<string>();
  #turnedAt = 0;

  /** False for a signature that is too old, too new, or was taken before; and where too many are remembered to tell. */
  takes({ at, nonce }: Signed, now: number): boolean {
    // A nonce is remembered for at least twice the window, after which its time alone refuses it.
    if (now - this.#turnedAt > 2 * WINDOW_MS) {
      this.#former = now - this.#turnedAt > 4 * WINDOW_MS ? new Set() : this.#recent;
      this.#recent = new Set();
      this.#turnedAt = now;
    }
    if (Math.abs(now - at) > WINDOW_MS || this.#recent.has(nonce) || this.#former.has(nonce)) return false;
    if (this.#recent.size >= NONCES_MAX) return false;
    this.#recent.add(nonce);
    return true;
  }
}
