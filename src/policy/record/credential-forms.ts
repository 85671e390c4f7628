import { CREDENTIAL_MARK } from "../../model/api-key-form.ts";
import type { SecretNames } from "./secret-names.ts";

/** Stands where something was taken out. */
export const MASK = "[redacted]";

/*
 * What a credential looks like, wherever it stands in a text. Every expression is linear in the text: a repetition begins
 * where no character of its own class stands before, or is bounded, so that a caller cannot stop the process with a text.
 */
const WORD = "A-Za-z0-9_-";
const word = (prefix: string, rest: string) => `(?<![${WORD}])${prefix}${rest}`;
const FORMS = [
  // Of this gateway, then tokens any gateway issues.
  word(CREDENTIAL_MARK, "[A-Za-z0-9]{16,}"),
  word("eyJ", `[${WORD}]{5,}\\.[${WORD}]{5,}(?:\\.[${WORD}]*){0,3}`),
  // PEM: to its end, or to the text's where it is cut off.
  "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)",
  word("(?:AKIA|ASIA|ABIA|ACCA)", "[A-Z0-9]{16}(?![A-Za-z0-9])"),
  word("gh[pousr]_", "[A-Za-z0-9]{20,}"),
  word("github_pat_", "[A-Za-z0-9_]{20,}"),
  word("(?:glpat|gloas|gldt|glrt)-", `[${WORD}]{16,}`),
  word("(?:xox[a-z]|xapp)-", `[${WORD}]{10,}`),
  word("(?:sk|rk|pk|whsec)_", `[${WORD}]{16,}`),
  word("sk-", `[${WORD}]{16,}`),
  word("AIza", `[${WORD}]{30,}`),
  word("ya29\\.", `[${WORD}]{16,}`),
  word("(?:npm|pypi|dop_v1|shpat|hf|ntn|lin_api)[_-]", `[${WORD}]{20,}`),
  // Name and password of a URL.
  "(?<=[a-z]://)[^\\s/?#\"'<>@:]{0,256}:[^\\s/?#\"'<>@]{1,1024}(?=@)",
].join("|");
const forms = new RegExp(FORMS, "g");
/** `Authorization` schemes in a text; a word that merely follows one is short or has neither digit nor sign. */
const SCHEME =
  /(?<![A-Za-z0-9])(bearer|basic|negotiate|ntlm)([ \t]{1,4})(?=[^\s"',;]{0,24}[0-9=_+]|[^\s"',;]{20})[A-Za-z0-9._~+/=-]{8,}/gi;
const QUOTED = `"(?:[^"\\\\]|\\\\[^])*(?:"|$)|\\\\{1,3}"[^]*?(?:\\\\{1,3}"(?=\\s*[,}\\]])|$)|'[^']*(?:'|$)`;
const HEADER = new RegExp(
  `(?<![A-Za-z0-9-])((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-auth-token)(\\\\{0,3}["']?\\s{0,4}[:=]\\s{0,4})(?:${QUOTED}|[^\\r\\n"']+)`,
  "gi",
);
const NAME = /(?<![A-Za-z0-9_.-])([A-Za-z][A-Za-z0-9_.-]{0,63})\\{0,3}["']?\s{0,4}(?:=>|[:=])\s{0,4}/g;
const VALUE = new RegExp(`${QUOTED}|[^\\s"',;&}\\])]+`, "y");
/** What says only whether there is a secret, and what was taken out before (the bracket may be left out of the match). */
const NOT_TAKEN = /^(?:null|true|false|""|''|\\*["']?\[redacted\]?\\*["']?)$/;
/** Nothing shorter is a credential. */
const CREDENTIAL_CHARS_MIN = 8;

export function credentialForms(): RegExp {
  return new RegExp(FORMS);
}

/** The text without what looks like a credential, whatever it is called. */
export function maskCredentials(text: string): string {
  if (text.length < CREDENTIAL_CHARS_MIN) return text;
  return text
    .replace(HEADER, (_whole, name: string, between: string) => `${name}${between}${MASK}`)
    .replace(SCHEME, (_whole, scheme: string, space: string) => `${scheme}${space}${MASK}`)
    .replace(forms, MASK);
}

/** The text without what it assigns to a secret name: `password=…`, `"api_key": "…"`, `?token=…`. */
export function maskAssignments(text: string, names: SecretNames, take: (value: string) => void): string {
  let masked = "";
  let kept = 0;
  NAME.lastIndex = 0;
  for (let found = NAME.exec(text); found !== null; found = NAME.exec(text)) {
    const [, name = ""] = found;
    if (!names.has(name)) continue; // what follows may be a name itself
    VALUE.lastIndex = NAME.lastIndex;
    const value = VALUE.exec(text)?.[0];
    if (value === undefined || NOT_TAKEN.test(value)) continue;
    take(value.replace(/^\\*["']|\\*["']$/g, ""));
    masked += text.slice(kept, NAME.lastIndex) + MASK;
    kept = VALUE.lastIndex;
    NAME.lastIndex = kept;
  }
  return kept === 0 ? text : masked + text.slice(kept);
}
