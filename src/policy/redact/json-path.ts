/**
 * The part of JSONPath (RFC 9535) that names places: `$`, `.name`, `['name']`, `[0]`, `.*`, `[*]` and `..` for any depth.
 * `$` holds what is recorded of a call: `$.arguments`, `$.result`, `$.error`, `$.answers`.
 */
interface Step {
  /** `undefined`: any member or element. */
  readonly name: string | undefined;
  /** At any depth below. */
  readonly isDeep: boolean;
}
export type JsonPath = readonly Step[];

const STEP =
  /(\.\.?)(?:([\p{L}_$][\p{L}\p{N}_$-]*)|(\*)|(?=\[))|\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\d+)|(\*))\]/uy;

/** `undefined` where the text is no such path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (!text.startsWith("$")) return undefined;
  const steps: Step[] = [];
  let isDeep = false;
  let at = 1;
  while (at < text.length) {
    STEP.lastIndex = at;
    const found = STEP.exec(text);
    if (found === null) return undefined;
    at = STEP.lastIndex;
    const [, dots, plain, anyMember, single, double, index, anyElement] = found;
    if (dots === "..") isDeep = true;
    const quoted = single ?? double;
    const name = plain ?? quoted?.replace(/\\(.)/gu, "$1") ?? index;
    if (name === undefined && anyMember === undefined && anyElement === undefined) {
      if (dots === ".") return undefined; // `.[` is none
      continue;
    }
    steps.push({ name, isDeep });
    isDeep = false;
  }
  return steps.length === 0 || isDeep ? undefined : steps;
}

/** Paths under way at one place of a value: each with the step that a child must match. */
export type Places = readonly { readonly path: JsonPath; readonly at: number }[];

export function rootPlaces(paths: readonly JsonPath[]): Places {
  return paths.map((path) => ({ path, at: 0 }));
}

/** The places at a child, or `undefined` where a path ends in it. */
export function childPlaces(places: Places, name: string): Places | undefined {
  if (places.length === 0) return places;
  const next: { path: JsonPath; at: number }[] = [];
  for (const place of places) {
    const { path, at } = place;
    const step = path[at];
    if (step === undefined) continue;
    if (step.isDeep) next.push(place);
    if (step.name !== undefined && step.name !== name) continue;
    if (at + 1 === path.length) return undefined;
    next.push({ path, at: at + 1 });
  }
  return next;
}
