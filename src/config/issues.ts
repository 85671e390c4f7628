import type { z } from "zod";
import { type Shape, shapeOf } from "./field.ts";
import { fileSource, type Origins, overrideOf, sourceOf } from "./origins.ts";
import { childPath } from "./place.ts";
import { type ConfigProblem, nearest } from "./problem.ts";

type Path = readonly (string | number)[];

/** Issues of the schema as problems with their place, what was found there, and a likely fix. */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  origins: Origins,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const reported = new Set<string>();
  for (const issue of issues) {
    const path = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) problems.push(unknownKey([...path, key], schema, origins));
      continue;
    }
    const key = pathText(path);
    // Several layers of one schema may refuse the same value; the innermost says it best and comes first. A value that
    // lacks a variable is reported as that alone.
    if (reported.has(key) || origins.document?.unsetPaths.includes(key)) continue;
    reported.add(key);
    const expected = issue.code === "custom" ? issue.message : expectedOf(schemaAt(schema, path));
    const fix = issue.code === "custom" ? String(issue.params?.["fix"] ?? "") : "";
    const source = sourceOf(key, origins);
    problems.push({ source, key, found: foundAt(path, schema, origins), expected, fix });
  }
  return problems;
}

function unknownKey(path: Path, schema: z.ZodType, origins: Origins): ConfigProblem {
  const parent = schemaAt(schema, path.slice(0, -1));
  const shape = parent && shapeOf(parent);
  const known = shape?.is === "section" ? Object.keys(shape.members) : [];
  const name = String(path.at(-1));
  const near = elsewhere(name, schema, path) ?? nearest(name, known);
  const key = pathText(path);
  const place = origins.document?.places.get(`${key}#key`);
  return {
    source: place ? fileSource(origins, place) : { kind: "unset" },
    key,
    found: "an unknown key",
    expected:
      known.length > 0 && known.length <= 8 ? `one of ${known.join(", ")}` : "a setting of this section",
    fix: near === undefined ? "" : `did you mean ${near}?`,
  };
}

/** A setting of the right name in another section at the top level: `port` outside `server`. */
function elsewhere(name: string, schema: z.ZodType, path: Path): string | undefined {
  const top = shapeOf(schema);
  if (path.length !== 1 || top?.is !== "section") return undefined;
  for (const [section, member] of Object.entries(top.members)) {
    const shape = shapeOf(member);
    if (shape?.is === "section" && Object.hasOwn(shape.members, name)) return `${section}.${name}`;
  }
  return undefined;
}

function foundAt(path: Path, schema: z.ZodType, origins: Origins): string {
  const key = pathText(path);
  const override = overrideOf(key, origins);
  if (override) return override.secret ? "a value not shown here" : JSON.stringify(override.value);
  const written = origins.document?.places.get(key)?.written;
  if (written !== undefined) return JSON.stringify(written);
  let value: unknown = origins.document?.tree;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return "nothing";
    value = Reflect.get(value, step);
  }
  if (value === null || value === undefined) return "nothing";
  if (isSecret(path, schema)) return "a value not shown here";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…"` : text;
}

function isSecret(path: Path, schema: z.ZodType): boolean {
  for (let length = path.length; length > 0; length--) {
    const at = schemaAt(schema, path.slice(0, length));
    const shape = at && shapeOf(at);
    if (shape?.is === "field") return shape.notes.secret === true;
  }
  return false;
}

/** The schema of a path; undefined past what the schema knows (the members of a map of text). */
export function schemaAt(schema: z.ZodType, path: Path): z.ZodType | undefined {
  let current: z.ZodType | undefined = schema;
  for (const step of path) {
    const shape: Shape | undefined = current && shapeOf(current);
    if (shape?.is === "section") current = shape.members[String(step)];
    else if (shape?.is === "list") current = shape.item;
    else return undefined;
  }
  return current;
}

function expectedOf(schema: z.ZodType | undefined): string {
  const shape = schema && shapeOf(schema);
  if (shape?.is === "list") return 'a list ("- …" entries)';
  return shape?.is === "section" ? "a map of settings (key: value)" : "another kind of value";
}

function pathText(path: Path): string {
  return path.reduce<string>((text, step) => childPath(text, step), "");
}
