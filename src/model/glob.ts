/**
 * Wildcard matching in linear time whatever the pattern. `*` stands for any run of characters; nothing else is special.
 * @returns a predicate, specialised for the common shapes.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return (text) => text === pattern;
  if (pattern === "*") return () => true;
  if (star === pattern.length - 1) {
    const prefix = pattern.slice(0, -1);
    return (text) => text.startsWith(prefix);
  }
  const pieces = pattern.split("*");
  const first = pieces[0] as string;
  const last = pieces[pieces.length - 1] as string;
  const middle = pieces.slice(1, -1).filter((piece) => piece !== "");
  // Leftmost placement of each middle piece is always right, since what stands between is unrestricted.
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
      return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const piece of middle) {
      const found = text.indexOf(piece, at);
      if (found < 0 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return at <= end;
  };
}

/** Longer URIs match no template: each of many templates would walk them. */
const URI_LENGTH_MAX = 4_096;

/**
 * Matches a URI against an RFC 6570 template: a simple expression stands for a run without `/`, `{+x}`, `{#x}`, `{/x}`,
 * `{?x}` and exploded ones for any run; all may be empty. Cost is bounded by template length × URI length.
 */
export function compileUriTemplate(template: string): (uri: string) => boolean {
  const open = template.indexOf("{");
  const prefix = open < 0 ? template : template.slice(0, open);
  const tokens: (string | { readonly any: boolean })[] = [];
  for (let at = 0; at < template.length; ) {
    const open = template.indexOf("{", at);
    const close = open < 0 ? -1 : template.indexOf("}", open);
    if (close < 0) {
      tokens.push(...template.slice(at));
      break;
    }
    tokens.push(...template.slice(at, open));
    const expression = template.slice(open + 1, close);
    tokens.push({ any: /^[+#/?&;.]|\*$/.test(expression) });
    at = close + 1;
  }
  return (uri) => {
    if (uri.length > URI_LENGTH_MAX || !uri.startsWith(prefix)) return false;
    let states = reach(tokens, new Set([0]));
    for (const char of uri) {
      const next = new Set<number>();
      for (const state of states) {
        const token = tokens[state];
        if (token === undefined) continue;
        if (typeof token === "string") {
          if (token === char) next.add(state + 1);
        } else if (token.any || char !== "/") next.add(state);
      }
      if (next.size === 0) return false;
      states = reach(tokens, next);
    }
    return states.has(tokens.length);
  };
}

/** Adds the states reachable without a character: an expression may be empty. */
function reach(tokens: readonly unknown[], states: Set<number>): Set<number> {
  for (const state of states) if (typeof tokens[state] === "object") states.add(state + 1);
  return states;
}
