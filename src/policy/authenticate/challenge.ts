/** Where clients of identity providers are sent: nowhere, where there is no provider. */
export interface ChallengeSettings {
  /** The gateway's own, without a slash at its end. */
  readonly url: string;
  /** Issuers of tokens that are taken. */
  readonly issuers: readonly string[];
}

/** Path under which RFC 9728 metadata of a resource stands: computed from the path alone, whether or not it exists. */
export const METADATA_PATH = "/.well-known/oauth-protected-resource";

/** `WWW-Authenticate` for a request at a path (RFC 6750, 3; RFC 9728, 5.1). @param attributes quoted as they are */
export function bearerChallenge(
  { url, issuers }: ChallengeSettings,
  path: string,
  attributes: Readonly<Record<string, string>> = {},
): string {
  const all = {
    ...attributes,
    ...(issuers.length > 0 && { resource_metadata: `${url}${METADATA_PATH}${path === "/" ? "" : path}` }),
  };
  const parameters = Object.entries(all).map(
    ([name, value]) => `${name}="${value.replaceAll(/["\\]/g, "")}"`,
  );
  return parameters.length === 0 ? "Bearer" : `Bearer ${parameters.join(", ")}`;
}
