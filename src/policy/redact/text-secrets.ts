import { MASK } from "./credential-forms.ts";
import type { SecretNames } from "./secret-names.ts";

/*
 * Secrets in a text that only their names tell: `password=…`, `"api_key": "…"`, `?token=…`, `--secret …`, `<password>…`.
 * Linear: each name is bounded, and what was taken out is not looked at again.
 */
const NAME = /(?<![A-Za-z0-9_])([A-Za-z_][A-Za-z0-9_.-]{0,63})\\{0,3}["'`]?(?:\s{0,4}(?:=>|:=|[:=])\s{0,4})/g;
const FLAG = /(?<![A-Za-z0-9_-])--?([A-Za-z][A-Za-z0-9_.-]{0,63})[ \t]{1,4}(?=[^\s-])/g;
const ELEMENT = /<(?:[A-Za-z0-9_-]{1,32}:)?([A-Za-z_][A-Za-z0-9_.-]{0,63})(?:\s[^<>]{0,200})?>(?=[^<\s])/g;
/** Words before a name that belong to it: `API key: …`. */
const WORDS_BEFORE = /(?:[A-Za-z0-9_-]{1,24}[ \t]){1,2}$/;
const WORDS_CHARS_MAX = 50;

/** One after the other: a YAML block, a text in quotes (those of JSON within JSON too), to the next separator. */
const VALUE = new RegExp(
  [
    "[|>][+-]?[ \\t]*\\r?\\n(?:[ \\t][^\\n]*(?:\\n|$))*",
    `"(?:[^"\\\\]|\\\\[^])*(?:"|$)`,
    `\\\\{1,3}"[^]*?(?:\\\\{1,3}"(?=\\s*[,}\\]])|$)`,
    "'[^']*(?:'|$)",
    "`[^`]*(?:`|$)",
    `[^\\s"'&\`<>]*[^\\s"'&\`<>,;)}\\]]`,
  ].join("|"),
  "y",
);
/** Headers have no quotes and many separators: to the end of the line. */
const LINE = /[^\r\n"']*[^\r\n"'\s]/y;
const HEADER = /^(?:proxy-)?authorization$|^(?:set-)?cookie$/i;
const ELEMENT_TEXT = /[^<]+/y;
/** What says only whether there is a secret, and what was taken out before. */
const NOT_TAKEN = /^(?:null|true|false|none|""|''|\\*["'`]?\[redacted\]?\\*["'`]?)$/i;

/** Of a value of letters alone that is looked for elsewhere too. */
const LETTERS_MIN = 12;

/** @param take is given each secret that may be looked for elsewhere */
export function maskNamed(text: string, names: SecretNames, take: (secret: string) => void): string {
  let masked = text;
  if (masked.includes("<"))
    masked = replaced(
      masked,
      ELEMENT,
      (name, at) => names.has(name) && found(masked, ELEMENT_TEXT, at),
      take,
    );
  if (masked.includes("-"))
    masked = replaced(masked, FLAG, (name, at) => names.has(name) && valueAt(masked, at), take);
  return replaced(
    masked,
    NAME,
    (name, at, nameAt) => {
      if (!names.has(name) && !isLabel(masked, name, at, nameAt, names)) return false;
      const quoted = valueAt(masked, at);
      return HEADER.test(name) && quoted !== false && !/^\\*["'`]/.test(quoted)
        ? found(masked, LINE, at)
        : quoted;
    },
    take,
  );
}

/** @param valueOf the value that begins at a place behind a name, or false where the name is no secret's */
function replaced(
  text: string,
  form: RegExp,
  valueOf: (name: string, at: number, nameAt: number) => string | false,
  take: (secret: string) => void,
): string {
  let masked = "";
  let kept = 0;
  form.lastIndex = 0;
  for (let match = form.exec(text); match !== null; match = form.exec(text)) {
    const at = form.lastIndex;
    const value = valueOf(match[1] ?? "", at, match.index);
    // Behind a name that is none, another may begin.
    if (value === false || NOT_TAKEN.test(value)) continue;
    const secret = value.replace(/^\\*["'`]|\\*["'`]$/g, "");
    // In prose a mere word is rather one of its own: `--token is required`.
    if (secret.length >= LETTERS_MIN || /[^A-Za-z]/.test(secret)) take(secret);
    masked += text.slice(kept, at) + MASK;
    kept = at + value.length;
    form.lastIndex = kept;
  }
  return kept === 0 ? text : masked + text.slice(kept);
}

function isLabel(text: string, name: string, at: number, nameAt: number, names: SecretNames): boolean {
  const before = text[nameAt - 1];
  if ((before !== " " && before !== "\t") || !text.slice(nameAt + name.length, at).includes(":"))
    return false;
  const words = WORDS_BEFORE.exec(text.slice(Math.max(0, nameAt - WORDS_CHARS_MAX), nameAt))?.[0];
  return words !== undefined && names.has(words + name);
}

function valueAt(text: string, at: number): string | false {
  const code = text[at];
  return code === "{" || code === "[" ? bracketed(text, at) : found(text, VALUE, at);
}

function found(text: string, form: RegExp, at: number): string | false {
  form.lastIndex = at;
  return form.exec(text)?.[0] ?? false;
}

/** An object or list as a whole, to the text's end where it is cut off. Brackets in its strings are not told apart. */
function bracketed(text: string, from: number): string {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === "{" || char === "[") depth++;
    else if ((char === "}" || char === "]") && --depth === 0) return text.slice(from, at + 1);
  }
  return text.slice(from);
}
