import { GatewayError } from "../../errors/gateway-error.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Store } from "../../model/ports/store.ts";

/** Slugs and names, as people write them. */
export interface AdministratorRequest {
  readonly organization: string;
  readonly username: string;
  /** Rights over every organisation. */
  readonly platformAdmin: boolean;
}
export interface IssuedPassword {
  readonly organization: string;
  readonly username: string;
  /** Shown this once; to be changed at the first sign-in. */
  readonly password: string;
}

/** The acts on administrators' accounts, the same whether a running gateway or the command line itself does them. */
export interface AdministratorAccounts {
  /** @throws GatewayError `already_exists`, `invalid_params` for an unknown organisation */
  create(request: AdministratorRequest): Promise<IssuedPassword>;
  /** A new password, and the account active again; its sign-ins end. @throws GatewayError `invalid_params` where there is none */
  reset(request: Pick<AdministratorRequest, "organization" | "username">): Promise<IssuedPassword>;
}

export interface AdministratorParts {
  readonly store: Pick<Store, "acrossTenants" | "users" | "tokenFamilies">;
  readonly clock: Clock;
  readonly newPassword: () => string;
  readonly hash: (password: string) => Promise<string>;
  /** Called after each change, for the record and for caches. */
  readonly onChange?: (act: "create" | "reset", organizationId: string, userId: string) => Promise<void>;
}

export function administratorAccounts(parts: AdministratorParts): AdministratorAccounts {
  const { store, clock, hash, newPassword } = parts;
  const organizationOf = async (slug: string) => {
    const organization = await store.acrossTenants.organizationBySlug(slug);
    if (organization === undefined) {
      throw new GatewayError("invalid_params", { detail: `there is no organisation "${slug}"` });
    }
    return organization;
  };
  return {
    async create({ organization: slug, username, platformAdmin }) {
      const organization = await organizationOf(slug);
      const password = newPassword();
      const user = await store.users.create({
        id: Bun.randomUUIDv7(),
        organizationId: organization.id,
        username,
        email: null,
        passwordHash: await hash(password),
        mustChangePassword: true,
        role: "admin",
        platformAdmin,
        permissions: ["*:*"],
      });
      await parts.onChange?.("create", organization.id, user.id);
      return { organization: slug, username, password };
    },
    async reset({ organization: slug, username }) {
      const organization = await organizationOf(slug);
      const user = await store.users.findByName(organization.id, username);
      if (user === undefined) {
        throw new GatewayError("invalid_params", { detail: `there is no user "${username}" in "${slug}"` });
      }
      const password = newPassword();
      const passwordHash = await hash(password);
      await store.users.update(organization.id, user.id, {
        passwordHash,
        mustChangePassword: true,
        isActive: true,
      });
      await store.tokenFamilies.revokeAll(organization.id, user.id, clock.now());
      await parts.onChange?.("reset", organization.id, user.id);
      return { organization: slug, username: user.username, password };
    },
  };
}
