import type { Token } from "./tokens.ts";

export interface Import {
  /** As written; undefined where it is computed. */
  readonly specifier: string | undefined;
  readonly line: number;
}

/** Past this many tokens a list of names has no `from`: the word was not an import. */
const CLAUSE_TOKENS_MAX = 2000;

/** The specifier after `from`, where the tokens from `start` are a clause of import or export. */
function clauseSpecifier(tokens: readonly Token[], start: number): string | undefined {
  for (let i = start; i < tokens.length && i < start + CLAUSE_TOKENS_MAX; i++) {
    const token = tokens[i] as Token;
    if (token.kind === "word" && token.text === "from" && tokens[i + 1]?.kind === "string")
      return tokens[i + 1]?.text;
    const inClause = token.kind === "word" || token.kind === "string" || "{},*".includes(token.text);
    if (!inClause) return undefined;
  }
  return undefined;
}

/** `import("x")`, also as a type, and `require("x")`. */
function callSpecifier(tokens: readonly Token[], open: number): string | undefined {
  const [argument, after] = [tokens[open + 1], tokens[open + 2]];
  return argument?.kind === "string" && argument.text !== "" && (after?.text === ")" || after?.text === ",")
    ? argument.text
    : undefined;
}

function startsExportClause(tokens: readonly Token[], i: number): boolean {
  const next = tokens[i + 1]?.text === "type" ? tokens[i + 2] : tokens[i + 1];
  return next?.kind === "mark" && (next.text === "{" || next.text === "*");
}

/**
 * Every module that a source names: imports and re-exports, those of types included; dynamic imports; and files
 * started by URL (`new URL("./x.ts", import.meta.url)`: threads, processes).
 */
export function importsOf(tokens: readonly Token[]): Import[] {
  const found: Import[] = [];
  tokens.forEach((token, i) => {
    if (token.kind !== "word") return;
    const previous = tokens[i - 1];
    const isMember = previous?.kind === "mark" && previous.text === ".";
    const isSpread = isMember && tokens[i - 2]?.text === ".";
    if (isMember && !isSpread) return;
    const next = tokens[i + 1];
    const { line } = token;
    if (token.text === "import") {
      if (next?.text === "(" && next.kind === "mark")
        found.push({ specifier: callSpecifier(tokens, i + 1), line });
      else if (next?.kind === "string") found.push({ specifier: next.text, line });
      else if (next?.text !== "." && next?.text !== ":") {
        const specifier = clauseSpecifier(tokens, i + 1);
        if (specifier !== undefined) found.push({ specifier, line });
      }
    } else if (token.text === "export" && startsExportClause(tokens, i)) {
      const specifier = clauseSpecifier(tokens, i + 1);
      if (specifier !== undefined) found.push({ specifier, line });
    } else if (token.text === "require" && next?.kind === "mark" && next.text === "(") {
      found.push({ specifier: callSpecifier(tokens, i + 1), line });
    } else if (token.text === "URL" && previous?.text === "new" && next?.text === "(") {
      const target = tokens[i + 2];
      const tail = tokens.slice(i + 3, i + 9).map((each) => each.text);
      if (target?.kind === "string" && tail.join("").startsWith(",import.meta.url")) {
        found.push({ specifier: target.text, line });
      }
    }
  });
  return found;
}
