import type { Override } from "./environment.ts";
import type { ConfigDocument, Place } from "./place.ts";
import type { ConfigSource } from "./problem.ts";

/** Where the values of one configuration came from. */
export interface Origins {
  readonly document: ConfigDocument | undefined;
  /** In order; later ones win. */
  readonly overrides: readonly Override[];
}

/** What wrote the value of a key over the file's, if anything did. */
export function overrideOf(key: string, origins: Origins): Override | undefined {
  return origins.overrides.findLast(
    (candidate) => key === candidate.key || key.startsWith(`${candidate.key}[`),
  );
}

/** Where the value of a key came from; for a missing one, the map in the file it is missing from. */
export function sourceOf(key: string, origins: Origins): ConfigSource {
  const override = overrideOf(key, origins);
  if (override) return override.source;
  for (let path = key; path !== ""; path = parentPath(path)) {
    const place = origins.document?.places.get(path);
    if (place) return fileSource(origins, place);
  }
  // The file as a whole: a list or a text where a map belongs. An empty key stands for nothing else.
  const whole = key === "" ? origins.document?.places.get("") : undefined;
  return whole ? fileSource(origins, whole) : { kind: "unset" };
}

export function fileSource(origins: Origins, place: Place): ConfigSource {
  return { kind: "file", path: origins.document?.path ?? "", line: place.line, column: place.column };
}

function parentPath(path: string): string {
  return path.replace(/(^|\.)("(?:[^"\\]|\\.)*"|[^.[\]"]+)$|\[\d+\]$/, "");
}
