import { CREDENTIAL_MARK } from "../../model/api-key-form.ts";

/** Stands where something was taken out. */
export const MASK = "[redacted]";

/*
 * What a credential looks like, wherever it stands in a text. Every expression is linear in the text: its repetition holds no
 * second beginning of its own, is bounded, or begins where no character of its class stands before; a caller must not be
 * able to stop the process with a text.
 */
const WORD = "A-Za-z0-9_-";
const FORMS = [
  `${CREDENTIAL_MARK}[A-Za-z0-9]{16,}`,
  // PEM: to its end, or to the text's where it is cut off.
  "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)",
  "(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
  "gh[pousr]_[A-Za-z0-9]{20,}",
  "github_pat_[A-Za-z0-9_]{20,}",
  `gl(?:pat|oas|dt|rt)-[${WORD}]{16,400}`,
  `(?:xox[a-z]|xapp)-[${WORD}]{10,400}`,
  `(?<![${WORD}])(?:sk|rk|pk|whsec)[_-][${WORD}]{16,}`,
  `AIza[${WORD}]{30,200}`,
  `ya29\\.[${WORD}]{16,}`,
  "(?:npm|hf|ntn|lin_api|shpat|dop_v1)_[A-Za-z0-9]{20,}",
  `pypi-[${WORD}]{20,400}`,
  // Name and password of a URL.
  "(?<=[A-Za-z0-9]://)[^\\s/?#\"'<>@:]{0,256}:[^\\s/?#\"'<>@]{1,1024}(?=@)",
].join("|");
const forms = new RegExp(FORMS, "g");
/** Words joined by points, among them JSON web tokens; these are found by where their header begins. */
const DOTTED = /(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+/g;
const HEADER_CHARS_MIN = 8;
const PAYLOAD_CHARS_MIN = 5;
/** `Authorization` schemes in a text; a word that merely follows one is short or has neither digit nor sign. */
const SCHEME =
  /(?<![A-Za-z0-9])(bearer|basic|negotiate|ntlm)([ \t]{1,4})(?=[^\s"',;]{0,24}[0-9=_+]|[^\s"',;]{20})[A-Za-z0-9._~+/=-]{8,}/gi;
/** Nothing shorter is a credential. */
const CHARS_MIN = 8;

export function hasCredentialForm(text: string): boolean {
  return maskCredentials(text) !== text;
}

/** The text without what looks like a credential, whatever it is called. */
export function maskCredentials(text: string): string {
  if (text.length < CHARS_MIN) return text;
  return text
    .replace(SCHEME, (_whole, scheme: string, space: string) => `${scheme}${space}${MASK}`)
    .replace(DOTTED, maskToken)
    .replace(forms, MASK);
}

/** Header and what follows it, whatever stands before it in the same word; looked for by `indexOf`, so that it stays linear. */
function maskToken(words: string): string {
  for (let at = words.indexOf("eyJ"); at >= 0; ) {
    const end = words.indexOf(".", at);
    if (end < 0) return words;
    if (end - at >= HEADER_CHARS_MIN && words.length - end > PAYLOAD_CHARS_MIN)
      return words.slice(0, at) + MASK;
    at = words.indexOf("eyJ", end);
  }
  return words;
}
