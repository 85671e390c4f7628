import { importJWK, type JWK } from "jose";
import type { IdentityProvider } from "../../model/identity-provider.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Log } from "../../model/ports/log.ts";
import type { HttpClient } from "../../net/http-exchange.ts";
import { fetchJson } from "./fetch-json.ts";

/** Keys older than this are read again while they still serve. */
const FRESH_MS = 10 * 60_000;
/** Keys older than this serve no longer, whatever becomes of the provider. */
const STALE_MS = 24 * 3_600_000;
/** Between two readings, however many tokens name a key nobody knows and however often reading fails. */
const COOLDOWN_MS = 30_000;
const KEYS_MAX = 100;

interface Key {
  readonly id: string | undefined;
  readonly jwk: JWK;
}

/**
 * The public keys of one provider. A token with an unknown key id makes it read them again, once in 30 s at most, so that
 * a rotation is followed and a flood of made-up ids costs one request.
 */
export class ProviderKeys {
  readonly #provider: Pick<IdentityProvider, "issuer" | "jwksUri">;
  readonly #http: HttpClient;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #imported = new Map<JWK, Map<string, Promise<CryptoKey | Uint8Array>>>();
  #keys: readonly Key[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(
    provider: Pick<IdentityProvider, "issuer" | "jwksUri">,
    deps: { readonly http: HttpClient; readonly clock: Clock; readonly log: Log },
  ) {
    this.#provider = provider;
    this.#http = deps.http;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** Whether there are any to verify with. */
  get areKnown(): boolean {
    return this.#clock.now() - this.#readAt <= STALE_MS;
  }

  /** The key a token's header names, for the algorithm it names; without a key id, the only one that could be meant. */
  async find(keyId: string | undefined, algorithm: string): Promise<CryptoKey | Uint8Array | undefined> {
    const age = this.#clock.now() - this.#readAt;
    if (age > STALE_MS) await this.#read();
    else if (age > FRESH_MS) void this.#read();
    let found = this.#match(keyId, algorithm);
    if (found === undefined) {
      await this.#read();
      found = this.#match(keyId, algorithm);
    }
    return found;
  }

  #match(keyId: string | undefined, algorithm: string): Promise<CryptoKey | Uint8Array> | undefined {
    if (!this.areKnown) return undefined;
    const fitting = this.#keys.filter(
      ({ id, jwk }) => (keyId === undefined || id === keyId) && fits(jwk, algorithm),
    );
    const [key, second] = fitting;
    if (key === undefined || second !== undefined) return undefined;
    let byAlgorithm = this.#imported.get(key.jwk);
    if (byAlgorithm === undefined) {
      byAlgorithm = new Map();
      this.#imported.set(key.jwk, byAlgorithm);
    }
    let imported = byAlgorithm.get(algorithm);
    if (imported === undefined) {
      imported = importJWK(key.jwk, algorithm);
      byAlgorithm.set(algorithm, imported);
    }
    return imported;
  }

  #read(): Promise<void> {
    if (this.#reading !== undefined) return this.#reading;
    const now = this.#clock.now();
    if (now - this.#triedAt < COOLDOWN_MS) return Promise.resolve();
    this.#triedAt = now;
    this.#reading = this.#fetch(now)
      .catch((cause) => {
        this.#log.warn({ issuer: this.#provider.issuer, err: cause }, "the provider's keys cannot be read");
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  async #fetch(now: number): Promise<void> {
    const uri = this.#provider.jwksUri ?? (await this.#discover());
    const { keys } = await fetchJson(this.#http, uri);
    if (!Array.isArray(keys)) throw new Error(`${uri} holds no keys`);
    this.#keys = keys
      .slice(0, KEYS_MAX)
      .filter(isKey)
      .map((jwk) => ({ id: jwk.kid, jwk }));
    this.#imported.clear();
    this.#readAt = now;
  }

  async #discover(): Promise<string> {
    const { issuer } = this.#provider;
    const document = await fetchJson(
      this.#http,
      `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`,
    );
    // RFC 8414, 3.3: a document that speaks for another issuer is not this one's.
    if (document.issuer !== issuer)
      throw new Error(`the discovery document of ${issuer} names another issuer`);
    if (typeof document.jwks_uri !== "string") throw new Error(`${issuer} names no jwks_uri`);
    return document.jwks_uri;
  }
}

function isKey(value: unknown): value is JWK {
  if (typeof value !== "object" || value === null) return false;
  const { kty, kid, use, d, k } = value as JWK;
  // A secret or private key in public is no key to trust.
  if (d !== undefined || k !== undefined) return false;
  return typeof kty === "string" && (kid === undefined || typeof kid === "string") && use !== "enc";
}

function fits(jwk: JWK, algorithm: string): boolean {
  if (jwk.alg !== undefined && jwk.alg !== algorithm) return false;
  const family = algorithm.slice(0, 2);
  if (family === "RS" || family === "PS") return jwk.kty === "RSA";
  if (family === "ES") return jwk.kty === "EC";
  return jwk.kty === "OKP";
}
