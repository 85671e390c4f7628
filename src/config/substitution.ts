export type Environment = Readonly<Record<string, string | undefined>>;

/** A scalar after `${VAR}`, `${VAR:-default}` and `$$` were replaced. */
export interface Substituted {
  readonly text: string;
  /** A variable's value or default stands in the text, so that the text may be a secret. */
  readonly replaced: boolean;
  /** Variables without a value and without a default, in order. */
  readonly unset: readonly string[];
  /** Set when the notation itself is wrong: what is wrong with it. */
  readonly malformed: string | undefined;
}

/**
 * Replaces variables in one scalar of the parsed file: a value can therefore never add keys or lines to it. A default
 * stands in for an unset and for an empty variable. `$` before anything but `{` and `$` is itself.
 */
export function substitute(text: string, environment: Environment): Substituted {
  if (!text.includes("$")) return { text, replaced: false, unset: [], malformed: undefined };
  const unset: string[] = [];
  let malformed: string | undefined;
  let replaced = false;
  const result = text.replace(/\$\$|\$\{([^}]*)(\}?)/g, (whole, inner: string | undefined, close: string) => {
    if (whole === "$$") return "$";
    if (close === "") {
      malformed ??= "a ${ without its closing }";
      return whole;
    }
    const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner ?? "");
    const [, name, fallback] = match ?? [];
    if (name === undefined || fallback?.includes("${")) {
      malformed ??=
        name === undefined ? `\${${inner}}, which names no variable` : "a variable inside a default";
      return whole;
    }
    replaced = true;
    const value = environment[name];
    if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
    if (value === undefined) unset.push(name);
    return value ?? "";
  });
  return { text: result, replaced, unset, malformed };
}
