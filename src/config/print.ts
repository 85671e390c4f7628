import type { z } from "zod";
import { type Shape, shapeOf } from "./field.ts";
import type { Origins } from "./origins.ts";
import { childPath } from "./place.ts";
import { type FileSettings, fileSchema } from "./schema.ts";

const MASK = "********";

/**
 * The settings in force, in the file's spelling. Secrets are masked, passwords in URLs too; text that came from a variable
 * is shown as written in the file (`${N8N_URL}`), since it may be a secret. Unset optional keys are left out.
 */
export function printable(file: FileSettings, origins: Origins): unknown {
  return shown(fileSchema, file, "", origins);
}

function shown(schema: z.ZodType, value: unknown, path: string, origins: Origins): unknown {
  const shape = shapeOf(schema);
  if (value === undefined || shape === undefined) return value;
  if (shape.is === "list" && Array.isArray(value))
    return value.map((item, index) => shown(shape.item, item, childPath(path, index), origins));
  if (shape.is === "section" && isMap(value)) {
    const result: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(shape.members)) {
      const text = shown(member, value[key], childPath(path, key), origins);
      if (text !== undefined) result[key] = text;
    }
    return result;
  }
  return shape.is === "field" ? fieldShown(shape, value, path, origins) : value;
}

function fieldShown(
  shape: Extract<Shape, { is: "field" }>,
  value: unknown,
  path: string,
  origins: Origins,
): unknown {
  if (shape.notes.secret) return masked(value);
  const written = shape.kind.write ? shape.kind.write(value) : value;
  return asWritten(written, path, origins);
}

function asWritten(value: unknown, path: string, origins: Origins): unknown {
  if (typeof value === "string") {
    const place = origins.overrides.some((override) => override.key === path)
      ? undefined
      : origins.document?.places.get(path);
    return withoutPassword(place?.written ?? value);
  }
  if (Array.isArray(value))
    return value.map((item, index) => asWritten(item, childPath(path, index), origins));
  if (isMap(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, asWritten(member, childPath(path, key), origins)]),
    );
  }
  return value;
}

function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(() => MASK);
  if (isMap(value)) return Object.fromEntries(Object.keys(value).map((key) => [key, MASK]));
  return MASK;
}

/** Credentials and the query of a URL. */
function withoutPassword(text: string): string {
  if (!text.includes("://") || !URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.username === "" && url.password === "" && url.search === "") return text;
  url.password = url.password === "" ? "" : MASK;
  for (const key of new Set(url.searchParams.keys())) url.searchParams.set(key, MASK);
  return url.href;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
