import type { ClientAuth, Configuration } from "openid-client";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { IdentityProvider, ProviderClient } from "../../model/identity-provider.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Log } from "../../model/ports/log.ts";
import type { Sealer } from "../../model/ports/sealer.ts";
import type { ProviderSignIn, SignedIn, SignIns } from "../../model/ports/sign-ins.ts";
import type { Store } from "../../model/ports/store.ts";
import type { HttpClient } from "../../net/http-exchange.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import { People, type PeopleStore } from "./people.ts";

const PURPOSE = "oidc-sign-in";
/** How long a person may take at the provider. */
const ATTEMPT_MS = 10 * 60_000;
const SCOPE = "openid profile email";
/** Loaded by the first sign-in alone. */
const load = () => import("openid-client");

export interface CodeFlowParts {
  readonly provider: IdentityProvider;
  readonly client: ProviderClient;
  /** The gateway's own URL. */
  readonly url: string;
  readonly http: HttpClient;
  readonly sealer: Sealer;
  readonly store: PeopleStore & Pick<Store, "users" | "clients">;
  readonly signIns: Pick<SignIns, "begin">;
  readonly clock: Clock;
  readonly log: Log;
}

interface Attempt {
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
  readonly expiresAt: number;
}

/**
 * Sign-in of people at an identity provider: authorization code flow with PKCE (S256), state and nonce of one attempt in a
 * sealed cookie, `iss` checked where the provider sends it (RFC 9207), the ID token's signature checked.
 */
export class CodeFlow implements ProviderSignIn {
  readonly #parts: CodeFlowParts;
  #discovered: Promise<Configuration> | undefined;

  constructor(parts: CodeFlowParts) {
    this.#parts = parts;
  }

  async start(): Promise<{ readonly location: string; readonly attempt: string; readonly seconds: number }> {
    const { sealer, clock } = this.#parts;
    const oidc = await load();
    const configuration = await this.#configuration();
    const attempt: Attempt = {
      verifier: oidc.randomPKCECodeVerifier(),
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      expiresAt: clock.now() + ATTEMPT_MS,
    };
    const location = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#redirectUri,
      scope: SCOPE,
      code_challenge: await oidc.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: "S256",
      state: attempt.state,
      nonce: attempt.nonce,
    });
    const sealed = sealer.seal(PURPOSE, JSON.stringify(attempt), this.#parts.provider.name);
    return { location: location.href, attempt: sealed, seconds: ATTEMPT_MS / 1000 };
  }

  async finish(query: Readonly<Record<string, string>>, sealed: string | undefined): Promise<SignedIn> {
    const { provider, store, signIns, clock, log } = this.#parts;
    const attempt = this.#open(sealed);
    // Somebody else's link to the callback must not use the attempt up.
    if (query.state !== attempt.state) throw new GatewayError("sign_in_failed");
    // Once an answer to it came, a copy of the cookie is worth nothing.
    const isFirst = await store.clients.firstUse(
      Bun.SHA256.hash(`sign-in ${attempt.state}`, "hex"),
      attempt.expiresAt,
      clock.now(),
    );
    if (!isFirst) throw new GatewayError("sign_in_failed");
    const oidc = await load();
    const answered = new URL(`${this.#redirectUri}?${new URLSearchParams(query)}`);
    try {
      const tokens = await oidc.authorizationCodeGrant(await this.#configuration(), answered, {
        pkceCodeVerifier: attempt.verifier,
        expectedState: attempt.state,
        expectedNonce: attempt.nonce,
        idTokenExpected: true,
      });
      const person = await new People(store).find(provider, tokens.claims() ?? {});
      if ("refusal" in person) throw new Error(person.refusal);
      const user = await store.users.find(person.organizationId, person.userId);
      if (user === undefined || !user.isActive) throw new Error("the user is not active");
      await store.users.signedIn(user.organizationId, user.id, clock.now());
      return { user, tokens: await signIns.begin(user) };
    } catch (cause) {
      if (cause instanceof GatewayError && cause.code !== "sign_in_failed") throw cause;
      log.info({ provider: provider.name, err: cause }, "a sign-in at the provider did not succeed");
      throw new GatewayError("sign_in_failed", {}, { cause });
    }
  }

  get #redirectUri(): string {
    return `${this.#parts.url}/auth/oidc/${this.#parts.provider.name}/callback`;
  }

  #open(sealed: string | undefined): Attempt {
    const { sealer, clock, provider } = this.#parts;
    const text = sealed === undefined ? undefined : sealer.open(PURPOSE, sealed, provider.name);
    const attempt = text === undefined ? undefined : (JSON.parse(text) as Attempt);
    if (attempt === undefined || attempt.expiresAt < clock.now()) throw new GatewayError("sign_in_failed");
    return attempt;
  }

  /** Discovered at the first sign-in; a failure is tried again at the next. */
  #configuration(): Promise<Configuration> {
    this.#discovered ??= this.#discover().catch((cause) => {
      this.#discovered = undefined;
      throw new GatewayError("sign_in_failed", {}, { cause });
    });
    return this.#discovered;
  }

  async #discover(): Promise<Configuration> {
    const { provider, client, http } = this.#parts;
    const oidc = await load();
    const issuer = new URL(provider.issuer);
    const configuration = await oidc.discovery(issuer, client.id, undefined, await authentication(client), {
      [oidc.customFetch]: guardedFetch(http),
      // Whether plain HTTP may be spoken at all is the outbound guard's and the settings' to say.
      execute: issuer.protocol === "http:" ? [oidc.allowInsecureRequests] : [],
    });
    oidc.enableNonRepudiationChecks(configuration);
    return configuration;
  }
}

async function authentication({ secret, privateKey, privateKeyId }: ProviderClient): Promise<ClientAuth> {
  const oidc = await load();
  if (privateKey !== undefined) {
    const { importJWK, importPKCS8 } = await import("jose");
    const key = privateKey.trimStart().startsWith("{")
      ? await importJWK(JSON.parse(privateKey), "RS256")
      : await importPKCS8(privateKey, "RS256");
    return oidc.PrivateKeyJwt({
      key: key as CryptoKey,
      ...(privateKeyId !== undefined && { kid: privateKeyId }),
    });
  }
  return secret === undefined ? oidc.None() : oidc.ClientSecretPost(secret);
}
