import * as z from "zod";

/** Bodies of the admin socket's acts on accounts. */
export const accountBody = z.strictObject({
  organization: z.string().min(1).max(32),
  username: z.string().min(1).max(200),
});
export const administratorBody = z.strictObject({ ...accountBody.shape, platform_admin: z.boolean() });
