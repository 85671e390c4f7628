import { GatewayError } from "../../errors/gateway-error.ts";
import type { IdentityProvider } from "../../model/identity-provider.ts";
import type { AcrossTenants, Store } from "../../model/ports/store.ts";
import type { User } from "../../model/user.ts";
import { quoted } from "../jwt/refusal.ts";
import { type Claims, valueAt } from "./claims.ts";

export type PeopleStore = Pick<Store, "users" | "externalIdentities"> & {
  readonly acrossTenants: Pick<AcrossTenants, "organizationBySlug">;
};

const NAME_CHARS_MAX = 200;
const TIE_TRIES = 3;

export interface Person {
  readonly organizationId: string;
  readonly userId: string;
}
/** Nobody here, and why, for the operator. */
export interface Stranger {
  readonly refusal: string;
}

/**
 * The user of the gateway a provider's subject is, by issuer and subject alone: a name or an address that somebody can
 * choose at the provider ties nobody to an account.
 */
export class People {
  readonly #store: PeopleStore;

  constructor(store: PeopleStore) {
    this.#store = store;
  }

  async find(provider: IdentityProvider, claims: Claims): Promise<Person | Stranger> {
    const subject = claims.sub;
    const slug = organizationOf(provider, claims);
    const missing = missingClaim(provider, claims);
    if (missing !== undefined)
      return stranger(`its claim ${missing} is ${quoted(valueAt(claims, missing))} (required_claims)`);
    if (typeof subject !== "string" || subject === "") return stranger("it names no subject");
    if (slug === undefined) return stranger("its claim names no organisation that the provider may name");
    const organization = await this.#store.acrossTenants.organizationBySlug(slug);
    if (organization === undefined || !organization.isActive)
      return stranger(`there is no active organisation ${slug}`);
    const organizationId = organization.id;
    const { externalIdentities } = this.#store;
    const known = await externalIdentities.userOf(organizationId, provider.issuer, subject);
    if (known !== undefined) return { organizationId, userId: known };
    if (!provider.jit)
      return stranger(`no user is tied to its subject ${quoted(subject)} (oauth.jit is off)`);
    const user = await this.#create(provider, organizationId, subject, claims);
    try {
      await externalIdentities.link(organizationId, provider.issuer, subject, user.id);
      return { organizationId, userId: user.id };
    } catch (failure) {
      // Two first uses at once: the other's user is the one.
      await this.#store.users.remove(organizationId, user.id);
      const other = await externalIdentities.userOf(organizationId, provider.issuer, subject);
      if (other === undefined) throw failure;
      return { organizationId, userId: other };
    }
  }

  async #create(
    { name, role, permissions }: IdentityProvider,
    organizationId: string,
    subject: string,
    claims: Claims,
  ): Promise<User> {
    const wanted = [claims.preferred_username, claims.email, claims.sub].find(
      (value): value is string => typeof value === "string" && value !== "",
    );
    const base = (wanted ?? subject).slice(0, NAME_CHARS_MAX);
    for (let tries = 0; ; tries++) {
      const id = Bun.randomUUIDv7();
      try {
        return await this.#store.users.create({
          id,
          organizationId,
          username: tries === 0 ? base : `${base}@${name}-${id.slice(-6)}`,
          // An address is unique here and only as true as the provider; people confirm their own later.
          email: null,
          passwordHash: null,
          role,
          platformAdmin: false,
          permissions,
        });
      } catch (failure) {
        const isTaken = failure instanceof GatewayError && failure.code === "already_exists";
        if (!isTaken || tries >= TIE_TRIES) throw failure;
      }
    }
  }
}

function stranger(refusal: string): Stranger {
  return { refusal };
}

/** The name of the first that the token does not have as it must. */
function missingClaim({ requiredClaims }: IdentityProvider, claims: Claims): string | undefined {
  const missing = Object.entries(requiredClaims).find(([name, values]) => {
    const value = valueAt(claims, name);
    const said: unknown[] = Array.isArray(value) ? value : [value];
    return !said.some((one) => values.includes(String(one)));
  });
  return missing?.[0];
}

function organizationOf({ tenancy }: IdentityProvider, claims: Claims): string | undefined {
  if ("organization" in tenancy) return tenancy.organization;
  const value = valueAt(claims, tenancy.claim);
  return typeof value === "string" && tenancy.allowed.includes(value) ? value : undefined;
}
