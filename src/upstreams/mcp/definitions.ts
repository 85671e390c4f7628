import { isObject, type JsonValue } from "../../protocol/json-value.ts";
import { validateHeaderAnnotations } from "../../protocol/mcp-headers.ts";

export type DefinitionKind = "tools" | "resources" | "resourceTemplates" | "prompts";

/** The member that names a definition of each kind. */
const NAMED_BY: Record<DefinitionKind, string> = {
  tools: "name",
  resources: "uri",
  resourceTemplates: "uriTemplate",
  prompts: "name",
};
const NAME_LENGTH_MAX = 4096;

/** What a definition is called, as far as it says. */
export function definitionName(kind: DefinitionKind, definition: JsonValue | undefined): string {
  const name = isObject(definition) ? (definition[NAMED_BY[kind]] ?? definition.name) : undefined;
  return typeof name === "string" ? name.slice(0, 200) : "(unnamed)";
}

/**
 * Why a definition cannot be offered, or `undefined`. Each is judged alone, so that a bad one never takes another with it.
 * @param depthMax nesting of the whole definition
 */
export function definitionFault(
  kind: DefinitionKind,
  definition: JsonValue | undefined,
  depthMax: number,
): string | undefined {
  if (!isObject(definition)) return "it is not an object";
  const key = NAMED_BY[kind];
  const name = definition[key];
  if (typeof name !== "string" || name === "") return `it has no ${key}`;
  if (name.length > NAME_LENGTH_MAX) return `its ${key} is longer than ${NAME_LENGTH_MAX} characters`;
  const fault = structureFault(definition, depthMax);
  if (fault !== undefined) return fault;
  if (kind !== "tools") return undefined;
  const { inputSchema } = definition;
  if (!isObject(inputSchema)) return "its inputSchema is not an object";
  if (inputSchema.type !== undefined && inputSchema.type !== "object") {
    return 'its inputSchema is not of type "object"';
  }
  const annotations = validateHeaderAnnotations(inputSchema);
  return annotations.valid ? undefined : annotations.reason;
}

function structureFault(value: JsonValue | undefined, depthLeft: number): string | undefined {
  if (value === null || typeof value !== "object") return undefined;
  if (depthLeft === 0) return "it is nested too deep";
  if (Array.isArray(value)) {
    for (const member of value) {
      const fault = structureFault(member, depthLeft - 1);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  for (const [key, member] of Object.entries(value)) {
    if (key === "__proto__") return 'it holds a member "__proto__"';
    const fault = structureFault(member, depthLeft - 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
