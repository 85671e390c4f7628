import * as z from "zod";
import { Refusal } from "../../config/field.ts";
import { slug as slugKind } from "../../config/kinds.ts";
import { role } from "../fields.ts";
import { keyType } from "./key-view.ts";

const slug = z.string().refine((text) => !(slugKind.read(text) instanceof Refusal), "not a slug");
const organization = slug.default("default");

/** Bodies of the operator's requests on keys, as the command line sends them. */
export const createKeyBody = z.strictObject({
  name: z.string().min(1).max(200),
  type: keyType.default("user"),
  role: role.default("user"),
  permissions: z.array(z.string().min(1).max(500)).max(1000).default([]),
  organization,
  namespace: slug.optional(),
  platform_admin: z.boolean().default(false),
  expires_in_seconds: z.number().positive().max(1e10).optional(),
});
export const listKeysBody = z.strictObject({ organization });
export const namedKeyBody = z.strictObject({ organization, key: z.string().min(1).max(100) });
export const emptyBody = z.strictObject({});
