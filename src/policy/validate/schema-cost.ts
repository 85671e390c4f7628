import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";

/** More than any honest tool has; a few lines of references to references make billions. */
const SUBSCHEMAS_MAX = 100_000;
const DEFINITIONS = new Set(["$defs", "definitions"]);

/**
 * Whether a schema, with its references followed, stays within a bound of subschemas: what one value is compared with.
 * References that lead back count once, since each turn consumes a level of the value.
 */
export function isWithinCost(schema: JsonObject): boolean {
  const costs = new Map<object, number>();
  const anchors = new Map<string, JsonObject>();
  collectAnchors(schema, anchors);

  const costOf = (node: JsonValue | undefined): number => {
    if (node === null || typeof node !== "object") return 0;
    const known = costs.get(node);
    if (known !== undefined) return known;
    costs.set(node, 1);
    let cost = 1;
    for (const [key, member] of Object.entries(node)) {
      if (!DEFINITIONS.has(key)) cost += costOf(member);
      if ((key === "$ref" || key === "$dynamicRef") && typeof member === "string") {
        cost += costOf(target(schema, member, anchors));
      }
      if (cost > SUBSCHEMAS_MAX) break;
    }
    costs.set(node, cost);
    return cost;
  };
  return costOf(schema) <= SUBSCHEMAS_MAX;
}

function target(
  schema: JsonObject,
  reference: string,
  anchors: ReadonlyMap<string, JsonObject>,
): JsonValue | undefined {
  if (!reference.startsWith("#")) return undefined;
  const fragment = reference.slice(1);
  if (fragment !== "" && !fragment.startsWith("/")) return anchors.get(fragment);
  let node: JsonValue | undefined = schema;
  for (const step of fragment.split("/").slice(1)) {
    if (node === null || typeof node !== "object") return undefined;
    node = (node as JsonObject)[unescaped(step)];
  }
  return node;
}

/** A step of a JSON pointer in a URI fragment. */
function unescaped(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return step;
  }
}

function collectAnchors(node: JsonValue | undefined, anchors: Map<string, JsonObject>): void {
  if (node === null || typeof node !== "object") return;
  if (!Array.isArray(node)) {
    for (const key of ["$anchor", "$dynamicAnchor"]) {
      const name = node[key];
      if (typeof name === "string") anchors.set(name, node);
    }
  }
  for (const member of Object.values(node)) collectAnchors(member, anchors);
}
