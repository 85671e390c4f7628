import { GatewayError } from "../../errors/gateway-error.ts";
import type { ApiKeyIdentity } from "../../model/api-key.ts";
import { isWellFormed } from "../../model/api-key-form.ts";
import { mayBeFor } from "../../model/key-rights.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { ClientRequest, ClientTokens } from "../../model/ports/sign-ins.ts";
import type { AcrossTenants } from "../../model/ports/store.ts";
import { principalOf } from "../api-key/principal.ts";
import { ACCESS_TOKEN_SECONDS, type AccessTokens } from "../jwt/access-token.ts";
import type { Assertions } from "./assertion.ts";

export interface ClientTokenParts {
  readonly store: Pick<AcrossTenants, "apiKeyByHash">;
  readonly digest: (credential: string) => string;
  readonly assertions: Assertions;
  readonly tokens: AccessTokens;
  readonly clock: Clock;
}

/** Exchanges an application's key, or an assertion it signed, for a token of ten minutes that is never wider (E7). */
export class KeyedClientTokens implements ClientTokens {
  readonly #parts: ClientTokenParts;

  constructor(parts: ClientTokenParts) {
    this.#parts = parts;
  }

  async exchange(
    request: ClientRequest,
    tried?: Parameters<ClientTokens["exchange"]>[1],
  ): ReturnType<ClientTokens["exchange"]> {
    const { tokens, clock } = this.#parts;
    const identity = await this.#client(request, ({ key }) => tried?.(key.organizationId, key.id));
    const now = clock.now();
    const principal = identity && principalOf(identity, now);
    if (identity === undefined || principal === undefined || identity.key.type !== "a2a")
      throw new GatewayError("invalid_client");
    const asked = request.scope?.split(" ").filter((pattern) => pattern !== "");
    const beyond = asked?.find((pattern) => !mayBeFor(principal, pattern));
    if (beyond !== undefined) throw new GatewayError("invalid_scope", { detail: beyond });
    const leftSeconds =
      principal.expiresAt === undefined
        ? ACCESS_TOKEN_SECONDS
        : Math.floor((principal.expiresAt - now) / 1000);
    const subject = `client:${identity.key.id}`;
    const { token, expiresIn } = await tokens.issue(
      {
        subject,
        organizationId: identity.key.organizationId,
        permissions: asked,
      },
      Math.max(1, Math.min(ACCESS_TOKEN_SECONDS, leftSeconds)),
    );
    return {
      client: { id: subject, name: principal.name },
      token: {
        access_token: token,
        token_type: "Bearer",
        expires_in: expiresIn,
        scope: (asked ?? principal.permissions).join(" "),
      },
    };
  }

  async #client(
    { key, assertion }: ClientRequest,
    tried: (identity: ApiKeyIdentity) => void,
  ): Promise<ApiKeyIdentity | undefined> {
    const { store, digest, assertions } = this.#parts;
    // RFC 6749, 2.3: one method of authentication, not several.
    if ((key === undefined) === (assertion === undefined)) return undefined;
    if (assertion !== undefined) return assertions.verify(assertion, tried);
    const identity =
      key !== undefined && isWellFormed(key) ? await store.apiKeyByHash(digest(key)) : undefined;
    if (identity !== undefined) tried(identity);
    return identity;
  }
}
