import { Assertions } from "../auth/a2a/assertion.ts";
import { KeyedClientTokens } from "../auth/a2a/client-tokens.ts";
import { apiKeyLook } from "../auth/api-key/look.ts";
import { boundedLook } from "../auth/bounded-look.ts";
import { CredentialCache } from "../auth/credential-cache.ts";
import { AccessTokens } from "../auth/jwt/access-token.ts";
import { KeyRing } from "../auth/jwt/key-ring.ts";
import { ownTokenLook } from "../auth/jwt/look.ts";
import { CodeFlow } from "../auth/oidc/code-flow.ts";
import { providerLook } from "../auth/oidc/look.ts";
import { MappedCallers } from "../auth/oidc/mapped-callers.ts";
import { ProviderKeys } from "../auth/oidc/provider-keys.ts";
import { standingOf } from "../auth/standing.ts";
import { eitherLook, tokenLook } from "../auth/token-look.ts";
import { Passwords } from "../auth/user/password.ts";
import { TokenSignIns } from "../auth/user/sign-ins.ts";
import type { Settings } from "../config/settings.ts";
import type { ClaimMapping } from "../model/claim-mapping.ts";
import type { Authenticator } from "../model/ports/authenticator.ts";
import type { Clock } from "../model/ports/clock.ts";
import type { Log } from "../model/ports/log.ts";
import type { Peers } from "../model/ports/peers.ts";
import type { Sealer } from "../model/ports/sealer.ts";
import type { ClientTokens, ProviderSignIn, SignIns } from "../model/ports/sign-ins.ts";
import type { Store } from "../model/ports/store.ts";
import type { Principal } from "../model/principal.ts";
import type { HttpClient } from "../net/http-exchange.ts";
import { type HeldOpen, Revocation } from "./revocation.ts";

export interface IdentityDeps {
  readonly settings: Settings;
  readonly store: Store;
  readonly digest: (credential: string) => string;
  readonly sealer: Sealer;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: Pick<Peers, "tell">;
  /** What claims of providers' tokens are worth in an organisation now. */
  readonly claimMappingOf: (organizationId: string) => ClaimMapping | undefined;
  /** What callers hold open. */
  readonly held: () => readonly HeldOpen[];
}

/** Everything that turns a credential into a principal, or makes one. */
export interface Identity {
  readonly credentials: CredentialCache;
  readonly authenticator: Authenticator;
  /** Claims are worth something else in these organisations: what their callers hold open goes on with the rights of now. */
  claimMappingChanged(organizationIds: ReadonlySet<string>): void;
  /** Credentials of a key or a user changed, or anybody's: cached ones are void, and what the revoked hold open ends. */
  changed(id: string): void;
  readonly signIns: SignIns;
  /** By the provider's name. */
  readonly providerSignIns: ReadonlyMap<string, ProviderSignIn>;
  readonly clientTokens: ClientTokens;
  readonly passwords: Passwords;
  readonly keyRing: KeyRing;
}

export function composeIdentity(deps: IdentityDeps): Identity {
  const { settings, store, digest, sealer, clock, log } = deps;
  const { url } = settings.server;
  const keyRing = new KeyRing(store.signingKeys, clock);
  const tokens = new AccessTokens(url, keyRing, clock);
  const passwords = new Passwords();
  const byIssuer = new Map([[url, boundedLook(ownTokenLook({ tokens, store, clock }))]]);
  for (const provider of settings.providers) {
    const keys = new ProviderKeys(provider, { http: deps.http, clock, log });
    const look = providerLook({ provider, keys, store, clock });
    for (const issuer of [provider.issuer, ...provider.otherIssuers]) byIssuer.set(issuer, look);
  }
  const credentials = new CredentialCache({
    look: eitherLook(
      boundedLook(apiKeyLook({ store: store.acrossTenants, digest, clock })),
      tokenLook(byIssuer),
    ),
    touch: (uses) => store.acrossTenants.touchApiKeys(uses),
    clock,
    log,
  });
  const callers = new MappedCallers(credentials, deps.claimMappingOf);
  const mapped = (principal: Principal) => callers.now(principal);
  const revocation = new Revocation((principal) => standingOf(store, clock, mapped, principal), deps.held);
  const changed = (id: string) => {
    credentials.invalidate(id);
    void revocation.look();
  };
  const signIns = new TokenSignIns({
    store,
    passwords,
    tokens,
    sealer,
    clock,
    onRevoked: (id) => {
      changed(id);
      void deps.peers.tell({ kind: "store_changed" });
    },
  });
  const providerSignIns = new Map<string, ProviderSignIn>();
  for (const provider of settings.providers) {
    const { client } = provider;
    if (client === undefined) continue;
    const flow = new CodeFlow({ provider, client, url, http: deps.http, sealer, store, signIns, clock, log });
    providerSignIns.set(provider.name, flow);
  }
  const assertions = new Assertions(store.clients, [url, `${url}/auth/a2a/token`], clock);
  const clientTokens = new KeyedClientTokens({
    store: store.acrossTenants,
    digest,
    assertions,
    tokens,
    clock,
  });
  const claimMappingChanged = (organizationIds: ReadonlySet<string>) => {
    for (const held of deps.held()) {
      for (const [key, { token, organizationId }] of held.principals())
        if (token !== undefined && organizationIds.has(organizationId)) held.renew(key, mapped);
    }
  };
  return {
    credentials,
    authenticator: callers,
    claimMappingChanged,
    changed,
    signIns,
    providerSignIns,
    clientTokens,
    passwords,
    keyRing,
  };
}
