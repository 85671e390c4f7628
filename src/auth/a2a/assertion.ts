import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, jwtVerify } from "jose";
import type { ApiKeyIdentity } from "../../model/api-key.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Clients } from "../../model/ports/identities.ts";

const ALGORITHMS = ["EdDSA", "ES256", "ES384", "RS256", "PS256"];
const LEEWAY_SECONDS = 30;
/** An assertion is made for one exchange; one that lives for long is a key that lies about. */
const LIFE_SECONDS_MAX = 300;
const ID_CHARS_MAX = 256;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Checks an application's assertions (RFC 7523, 2.2 and 3): signed by a key registered for it, for this gateway, once. */
export class Assertions {
  readonly #clients: Clients;
  readonly #audiences: readonly string[];
  readonly #clock: Clock;

  /** @param audiences the gateway's issuer and its token endpoint */
  constructor(clients: Clients, audiences: readonly string[], clock: Clock) {
    this.#clients = clients;
    this.#audiences = audiences;
    this.#clock = clock;
  }

  /**
   * @param tried told whose key it names where there is such a key, proven or not
   * @returns the client's key, or `undefined` for anything but a good assertion used for the first time.
   */
  async verify(
    assertion: string,
    tried: (identity: ApiKeyIdentity) => void = () => {},
  ): Promise<ApiKeyIdentity | undefined> {
    try {
      const { sub, iss } = decodeJwt(assertion);
      if (sub === undefined || sub !== iss || !UUID.test(sub)) return undefined;
      const client = await this.#clients.find(sub);
      if (client === undefined) return undefined;
      tried(client.identity);
      const now = this.#clock.now();
      const { payload } = await jwtVerify(
        assertion,
        createLocalJWKSet(JSON.parse(client.jwks) as JSONWebKeySet),
        {
          algorithms: ALGORITHMS,
          issuer: sub,
          subject: sub,
          audience: [...this.#audiences],
          clockTolerance: LEEWAY_SECONDS,
          requiredClaims: ["exp", "jti"],
          currentDate: new Date(now),
        },
      );
      const { jti, exp = 0 } = payload;
      if (typeof jti !== "string" || jti.length > ID_CHARS_MAX) return undefined;
      if (exp > now / 1000 + LIFE_SECONDS_MAX + LEEWAY_SECONDS) return undefined;
      const used = Bun.SHA256.hash(`${sub} ${jti}`, "hex");
      const isFirst = await this.#clients.firstUse(used, (exp + LEEWAY_SECONDS) * 1000, now);
      return isFirst ? client.identity : undefined;
    } catch (failure) {
      if (failure instanceof errors.JOSEError || failure instanceof TypeError) return undefined;
      throw failure;
    }
  }
}
