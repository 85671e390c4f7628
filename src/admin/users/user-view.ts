import { z } from "zod";
import type { User } from "../../model/user.ts";
import { optionalTime, role, time, timeOf, uuid } from "../fields.ts";

/** A user without anything of the password. */
export const user = z
  .object({
    id: uuid,
    username: z.string(),
    email: z.string().nullable(),
    email_verified: z.boolean(),
    role,
    platform_admin: z.boolean(),
    permissions: z.array(z.string()),
    active: z.boolean(),
    has_password: z.boolean(),
    must_change_password: z.boolean(),
    last_login_at: time.nullable(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "User" });

export function userView(row: User): z.input<typeof user> {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    email_verified: row.emailVerified,
    role: row.role,
    platform_admin: row.platformAdmin,
    permissions: [...row.permissions],
    active: row.isActive,
    has_password: row.passwordHash !== null,
    must_change_password: row.mustChangePassword,
    last_login_at: optionalTime(row.lastLoginAt),
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  };
}
