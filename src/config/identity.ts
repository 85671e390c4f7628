import { createHash } from "node:crypto";

/** RFC 9562, 5.5. Names of the same kind always get the same id, on every machine. */
export function uuidV5(space: string, name: string): string {
  const digest = createHash("sha1")
    .update(Buffer.from(space.replaceAll("-", ""), "hex"))
    .update(name)
    .digest()
    .subarray(0, 16);
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The name space of ids made from names of the configuration file; never changes. */
const CONFIG_SPACE = "2d6c5a3e-6a0b-5f0c-9a57-0f4a3c1e7b60";

export const DEFAULT_SLUG = "default";
/** The organisation an empty store begins with, and the one the configuration file belongs to. */
export const DEFAULT_ORGANIZATION_ID = organizationIdOf(DEFAULT_SLUG);
export const DEFAULT_NAMESPACE_ID = namespaceIdOf(DEFAULT_SLUG, DEFAULT_SLUG);

export function organizationIdOf(slug: string): string {
  return uuidV5(CONFIG_SPACE, slug);
}
export function namespaceIdOf(organization: string, slug: string): string {
  return uuidV5(CONFIG_SPACE, `${organization}/${slug}`);
}
export function limitIdOf(name: string): string {
  return uuidV5(CONFIG_SPACE, `rate-limit/${name}`);
}
export function serverIdOf(organization: string, namespace: string, name: string): string {
  return uuidV5(CONFIG_SPACE, `${organization}/${namespace}/${name}`);
}
export function policyIdOf(organization: string, name: string): string {
  return uuidV5(CONFIG_SPACE, `${organization}/policies:${name}`);
}
