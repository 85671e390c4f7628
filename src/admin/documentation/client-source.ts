import { ORGANIZATION } from "../named-organization.ts";
import type { AdminRoute } from "../route.ts";
import { openApiDocument } from "./openapi.ts";

type Json = Readonly<Record<string, unknown>>;
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: "path" | "query";
    readonly required: boolean;
    readonly schema: Json;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema: Json }>>;

const OPERATION_SOURCE = [
  "interface AdminOperation {",
  "  readonly method: string;",
  "  readonly path: string;",
  "  /** It takes `organization`, the one to act in. */",
  "  readonly ofOrganization?: true;",
  "}",
];

/**
 * The source of `src/client/admin-api.ts`: types of every request and answer, and where each goes, as the OpenAPI document
 * has them. Routes that serve pages rather than JSON are left out.
 */
export function clientSource(routes: readonly AdminRoute[]): string {
  const served = routes.filter(({ tag }) => tag !== "documentation");
  const document = openApiDocument(served, "") as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    readonly components: { readonly schemas: Readonly<Record<string, Json>> };
  };
  const lines = [
    "// Made of the routes of the control plane by scripts/generate-client.mjs; a test compares the two.",
    "",
  ];
  for (const [name, schema] of Object.entries(document.components.schemas).toSorted(byName)) {
    lines.push(`export type ${name} = ${typeOf(schema, "")};`, "");
  }
  const rows = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      operation,
    })),
  );
  lines.push("/** What each operation takes and answers. */", "export interface AdminApi {");
  for (const { operation } of rows) lines.push(...entryOf(operation));
  lines.push("}", "", ...OPERATION_SOURCE, "", "export const adminOperations = {");
  for (const { path, method, operation } of rows) {
    const isScoped = operation.parameters.some((one) => one.in === "query" && one.name === ORGANIZATION);
    const members = `method: "${method}", path: "${path}"${isScoped ? ", ofOrganization: true" : ""}`;
    lines.push(`  "${operation.operationId}": { ${members} },`);
  }
  lines.push("} as const satisfies { readonly [Id in keyof AdminApi]: AdminOperation };", "");
  return lines.join("\n");
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function entryOf({ operationId, summary, parameters, requestBody, responses }: Operation): string[] {
  const [, success] = Object.entries(responses).find(([status]) => status.startsWith("2")) ?? [];
  const answer = success?.content?.["application/json"]?.schema;
  const body = requestBody?.content["application/json"]?.schema;
  return [
    `  /** ${summary} */`,
    `  "${operationId}": {`,
    `    params: ${membersOf(parameters.filter((one) => one.in === "path"))};`,
    `    query: ${membersOf(parameters.filter((one) => one.in === "query"))};`,
    `    body: ${body === undefined ? "undefined" : typeOf(body, "    ")};`,
    `    answer: ${answer === undefined ? "undefined" : typeOf(answer, "    ")};`,
    "  };",
  ];
}

function membersOf(parameters: Operation["parameters"]): string {
  if (parameters.length === 0) return "Record<never, never>";
  const members = parameters.map(
    ({ name, required, schema }) => `readonly ${name}${required ? "" : "?"}: ${typeOf(schema, "    ")}`,
  );
  return `{ ${members.join("; ")} }`;
}

function typeOf(schema: Json, indent: string): string {
  const { $ref, enum: values, type, items, properties, required = [], additionalProperties } = schema;
  if (typeof $ref === "string") return $ref.slice($ref.lastIndexOf("/") + 1);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices)) return choices.map((choice: Json) => typeOf(choice, indent)).join(" | ");
  if (Array.isArray(type))
    return type.map((one: string) => typeOf({ ...schema, type: one }, indent)).join(" | ");
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "number":
    case "integer":
      return "number";
    case "array": {
      const item = items === undefined ? "unknown" : typeOf(items as Json, indent);
      return `readonly ${item.includes(" | ") ? `(${item})` : item}[]`;
    }
    case "object": {
      const inner = `${indent}  `;
      const members = Object.entries((properties ?? {}) as Readonly<Record<string, Json>>);
      if (members.length === 0) {
        const isOpen = additionalProperties !== null && typeof additionalProperties === "object";
        return `Readonly<Record<string, ${isOpen ? typeOf(additionalProperties as Json, indent) : "unknown"}>>`;
      }
      const lines = members.map(([name, member]) => {
        const optional = (required as readonly string[]).includes(name) ? "" : "?";
        return `${inner}readonly ${name}${optional}: ${typeOf(member, inner)};`;
      });
      return `{\n${lines.join("\n")}\n${indent}}`;
    }
    default:
      return "unknown";
  }
}
