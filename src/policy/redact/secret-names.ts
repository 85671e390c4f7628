/**
 * Names of members whose values are secrets, as globs over the name in lower case without `_`, `-`, `.` and spaces:
 * `*token` is `accessToken` and `X-Auth-Token`, and not `max_tokens`.
 */
export const KNOWN_SECRET_NAMES: readonly string[] = [
  ...["*password*", "*passwd*", "*passphrase*", "*passcode*", "pwd", "pass", "pin", "otp", "totp", "mfacode"],
  ...["*secret*", "*token", "tokens", "*credential*", "jwt", "*bearer", "*apikey*", "*accesskey*"],
  ...["*privatekey*", "*signingkey*", "*encryptionkey*", "*masterkey*", "*accountkey"],
  ...[
    "*connectionstring",
    "dsn",
    "auth",
    "*authorization",
    "*cookie",
    "cookies",
    "*sessionid",
    "*sessionkey",
  ],
  ...["cvv", "cvc", "requeststate"],
  // Of signed URLs.
  ...["sig", "xamzsignature", "xgoogsignature"],
];
/** Names of headers and members that hold nothing but a credential: left out of everything that is recorded. */
const CREDENTIAL_NAMES = [
  ...["authorization", "proxyauthorization", "cookie", "setcookie", "xapikey", "xauthtoken"],
  ...["accesstoken", "refreshtoken", "idtoken", "bearertoken", "authtoken"],
];

/** Names that were looked up are remembered, as long as they are few. */
const REMEMBERED_MAX = 4_096;
const REMEMBERED_CHARS_MAX = 64;

/** Decides by a member's name alone; fast, since a schema's names come again with every call. */
export class SecretNames {
  readonly #form: RegExp;
  readonly #remembered = new Map<string, boolean>();

  constructor(globs: readonly string[]) {
    const forms = globs.map((glob) =>
      normal(glob)
        .replace(/[^\p{L}\p{N}*]/gu, "\\$&")
        .replaceAll("*", "[^]*"),
    );
    this.#form = new RegExp(`^(?:${forms.join("|")})$`, "u");
  }

  has(name: string): boolean {
    const known = this.#remembered.get(name);
    if (known !== undefined) return known;
    const has = this.#form.test(normal(name));
    if (name.length <= REMEMBERED_CHARS_MAX) {
      if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
      this.#remembered.set(name, has);
    }
    return has;
  }
}

function normal(name: string): string {
  return name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\s_.-]/g, "");
}

export const credentialNames = new SecretNames(CREDENTIAL_NAMES);
