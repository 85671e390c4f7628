import { exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { SigningKeys } from "../../model/ports/identities.ts";

/** The one algorithm of our own tokens; a token that names another is none of ours. */
export const SIGNING_ALGORITHM = "EdDSA";

const DAY_MS = 86_400_000;
/** After this a new key signs. */
const SIGNS_FOR_MS = 30 * DAY_MS;
/** The old one verifies a day longer, far beyond the life of what it signed. */
const VERIFIES_FOR_MS = SIGNS_FOR_MS + DAY_MS;
/** Key ids nobody knows are looked for this seldom, however many of them come. */
const RELOAD_MS_MIN = 1_000;

interface Ring {
  readonly signer: { readonly id: string; readonly key: CryptoKey; readonly signsUntil: number } | undefined;
  readonly verifiers: ReadonlyMap<string, CryptoKey>;
  readonly jwks: readonly JWK[];
}

/**
 * The keys of our own tokens: Ed25519, kept sealed in the store and shared by all processes. A new one is made when the
 * newest is 30 days old; two processes may make one each, which harms nobody.
 */
export class KeyRing {
  readonly #store: SigningKeys;
  readonly #clock: Clock;
  #ring: Promise<Ring> | undefined;
  #loadedAt = 0;

  constructor(store: SigningKeys, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @throws GatewayError `store_unavailable` where none is known and the store is away */
  async signer(): Promise<{ readonly id: string; readonly key: CryptoKey }> {
    const now = this.#clock.now();
    const { signer } = await this.#load();
    if (signer !== undefined && signer.signsUntil > now) return signer;
    const made = await this.#make(now);
    this.#ring = undefined;
    const { signer: fresh } = await this.#load();
    if (fresh === undefined)
      throw new GatewayError("internal", {}, { cause: new Error(`key ${made} is lost`) });
    return fresh;
  }

  async verifier(keyId: string): Promise<CryptoKey | undefined> {
    const known = (await this.#load()).verifiers.get(keyId);
    if (known !== undefined || this.#clock.now() - this.#loadedAt < RELOAD_MS_MIN) return known;
    this.#ring = undefined;
    return (await this.#load()).verifiers.get(keyId);
  }

  /** Public keys, RFC 7517. */
  async jwks(): Promise<{ readonly keys: readonly JWK[] }> {
    await this.signer();
    return { keys: (await this.#load()).jwks };
  }

  #load(): Promise<Ring> {
    if (this.#ring !== undefined && this.#clock.now() - this.#loadedAt < DAY_MS) return this.#ring;
    this.#loadedAt = this.#clock.now();
    const ring = this.#read(this.#loadedAt);
    this.#ring = ring;
    ring.catch(() => {
      if (this.#ring === ring) this.#ring = undefined;
    });
    return ring;
  }

  async #read(now: number): Promise<Ring> {
    const stored = await this.#store.list(now);
    const verifiers = new Map<string, CryptoKey>();
    const jwks: JWK[] = [];
    let signer: Ring["signer"];
    for (const { id, publicKey, privateKey, createdAt } of stored) {
      const jwk: JWK = { ...(JSON.parse(publicKey) as JWK), kid: id, alg: SIGNING_ALGORITHM, use: "sig" };
      verifiers.set(id, (await importJWK(jwk, SIGNING_ALGORITHM)) as CryptoKey);
      jwks.push(jwk);
      if (signer !== undefined || privateKey === null) continue;
      const key = (await importJWK(JSON.parse(privateKey) as JWK, SIGNING_ALGORITHM)) as CryptoKey;
      signer = { id, key, signsUntil: createdAt + SIGNS_FOR_MS };
    }
    return { signer, verifiers, jwks };
  }

  async #make(now: number): Promise<string> {
    const pair = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
    const id = Bun.randomUUIDv7();
    await this.#store.add({
      id,
      publicKey: JSON.stringify(await exportJWK(pair.publicKey)),
      privateKey: JSON.stringify(await exportJWK(pair.privateKey)),
      createdAt: now,
      retiresAt: now + VERIFIES_FOR_MS,
    });
    return id;
  }
}
