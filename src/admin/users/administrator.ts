import { GatewayError } from "../../errors/gateway-error.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Store } from "../../model/ports/store.ts";
import type { User } from "../../model/user.ts";
import type { CommandedChange } from "../commanded-change.ts";
import { userView } from "./user-view.ts";

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
  /** @throws GatewayError `conflict` where there is a user of that name, `invalid_params` for an unknown organisation */
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
  readonly onChange: (change: CommandedChange) => Promise<void>;
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
  const changed = (act: string, before: User | undefined, after: User): Promise<void> =>
    parts.onChange({
      action: `user.${act}`,
      organizationId: after.organizationId,
      namespaceId: undefined,
      target: `user:${after.id}`,
      credentials: [after.id],
      before: before && userView(before),
      after: userView(after),
    });
  return {
    async create({ organization: slug, username, platformAdmin }) {
      const organization = await organizationOf(slug);
      if ((await store.users.findByName(organization.id, username)) !== undefined) {
        const detail = `there is a user "${username}" in "${slug}" already; setup-reset gives it a new password`;
        throw new GatewayError("conflict", { detail });
      }
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
      await changed("create", undefined, user);
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
      const change = { passwordHash, mustChangePassword: true, isActive: true };
      const after = (await store.users.update(organization.id, user.id, change)) ?? user;
      await store.tokenFamilies.revokeAll(organization.id, user.id, clock.now());
      await changed("reset", user, after);
      return { organization: slug, username: user.username, password };
    },
  };
}
