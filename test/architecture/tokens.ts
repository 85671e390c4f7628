export interface Token {
  readonly kind: "word" | "string" | "mark";
  /** The word, the string's content (escapes as written), or the one character. */
  readonly text: string;
  readonly line: number;
}

/** After these words a slash starts a regular expression and does not divide. */
const beforeExpression = new Set(
  "return typeof case in of delete void throw new instanceof await yield else do".split(" "),
);
const wordStart = /[\p{ID_Start}$_#@]/u;
const wordPart = /[\p{ID_Continue}$\u200c\u200d]/u;

/**
 * The words, strings and punctuation of a TypeScript source, without comments, regular expressions and the text of
 * templates; the expressions inside templates are read like other code.
 */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  /** For each open `${`, how many braces are open inside it. */
  const templates: number[] = [];

  const push = (kind: Token["kind"], text: string) => {
    tokens.push({ kind, text, line });
  };
  const advance = (to: number) => {
    for (; at < to; at++) if (source.charCodeAt(at) === 10) line++;
  };

  const readTemplate = () => {
    for (let end = at; end < source.length; end++) {
      if (source[end] === "\\") end++;
      else if (source[end] === "`") return advance(end + 1);
      else if (source[end] === "$" && source[end + 1] === "{") {
        templates.push(0);
        return advance(end + 2);
      }
    }
    advance(source.length);
  };

  const readString = (quote: string) => {
    let end = at + 1;
    while (end < source.length && source[end] !== quote && source[end] !== "\n")
      end += source[end] === "\\" ? 2 : 1;
    push("string", source.slice(at + 1, end));
    advance(end + 1);
  };

  const dividesHere = () => {
    const last = tokens.at(-1);
    if (last === undefined) return false;
    if (last.kind === "word") return !beforeExpression.has(last.text);
    if (last.kind === "string") return true;
    return last.text === ")" || last.text === "]" || last.text === "}";
  };

  /** False where no regular expression ends on this line: then the slash divides after all. */
  const readRegex = (): boolean => {
    let inClass = false;
    for (let end = at + 1; end < source.length && source[end] !== "\n"; end++) {
      const c = source[end];
      if (c === "\\") end++;
      else if (c === "[") inClass = true;
      else if (c === "]") inClass = false;
      else if (c === "/" && !inClass) {
        advance(end + 1);
        while (/[a-z]/.test(source[at] ?? "")) at++;
        push("string", "");
        return true;
      }
    }
    return false;
  };

  const readBrace = (c: string) => {
    const depth = templates.at(-1);
    if (c === "}" && depth === 0) {
      templates.pop();
      advance(at + 1);
      readTemplate();
      // What stands in a template's place is a value: a slash after it divides.
      push("string", "");
      return;
    }
    if (depth !== undefined) templates[templates.length - 1] = depth + (c === "{" ? 1 : -1);
    push("mark", c);
    advance(at + 1);
  };

  while (at < source.length) {
    const c = source[at] as string;
    const next = source[at + 1];
    if (c === "/" && next === "/") {
      const end = source.indexOf("\n", at);
      advance(end < 0 ? source.length : end);
    } else if (c === "/" && next === "*") {
      const end = source.indexOf("*/", at + 2);
      advance(end < 0 ? source.length : end + 2);
    } else if (/\s/.test(c)) {
      advance(at + 1);
    } else if (c === '"' || c === "'") {
      readString(c);
    } else if (c === "`") {
      advance(at + 1);
      const before = templates.length;
      readTemplate();
      if (templates.length === before) push("string", "");
    } else if (c === "{" || c === "}") {
      readBrace(c);
    } else if (c === "/" && !dividesHere() && readRegex()) {
      // Read whole.
    } else if (wordStart.test(c) || /\d/.test(c)) {
      let end = at + 1;
      while (end < source.length && wordPart.test(source[end] as string)) end++;
      push("word", source.slice(at, end));
      advance(end);
    } else {
      push("mark", c);
      advance(at + 1);
    }
  }
  return tokens;
}
