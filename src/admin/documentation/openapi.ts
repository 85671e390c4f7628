import { z } from "zod";
import type { AdminRoute } from "../route.ts";

type Json = Readonly<Record<string, unknown>>;

const problem = {
  type: "object",
  description: "Problem details (RFC 9457).",
  required: ["type", "title", "status", "code", "correlation_id"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    code: { type: "string", description: "See the page of errors." },
    correlation_id: { type: "string" },
    data: {},
  },
};
const problemAnswer = (description: string): Json => ({
  description,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});

/** The control plane as OpenAPI 3.1, whose schemas are JSON Schema 2020-12, made of the routes' own. */
export function openApiDocument(routes: readonly AdminRoute[], version: string): Json {
  const schemas: Record<string, unknown> = { Problem: problem };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = paths[route.path] ?? {};
    paths[route.path] = path;
    path[route.method.toLowerCase()] = operationOf(route, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "MCP Gateway",
      version,
      description:
        "Administration of the gateway. The MCP endpoints themselves speak the Model Context Protocol.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas,
      securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "An API key or a token." } },
    },
  };
}

function operationOf(route: AdminRoute, schemas: Record<string, unknown>): Json {
  const { id, summary, tag, access, roles, status } = route;
  const who =
    access === "open"
      ? "Open."
      : `For ${[...roles.map((role) => `\`${role}\``), "platform administrators"].join(", ")}.`;
  const success =
    route.response === undefined
      ? { description: "Done." }
      : {
          description: "Success.",
          content: { "application/json": { schema: refOf(route.response, "output", schemas) } },
        };
  return {
    operationId: id,
    summary,
    description: who,
    tags: [tag],
    ...(access === "open" && { security: [] }),
    parameters: [
      ...pathParameters(route.path),
      ...queryParameters(route, schemas),
      ...(route.versioned ? [IF_MATCH] : []),
    ],
    ...(route.body !== undefined && {
      requestBody: {
        required: true,
        content: { "application/json": { schema: refOf(route.body, "input", schemas) } },
      },
    }),
    responses: {
      [status]: success,
      ...(route.body !== undefined && { 400: problemAnswer("Not a valid request.") }),
      ...(access !== "open" && {
        401: problemAnswer("No valid credential."),
        403: problemAnswer("The credential's role does not permit it."),
      }),
      ...(route.path.includes("{") && { 404: problemAnswer("There is no such object for this caller.") }),
      ...(route.versioned && { 412: problemAnswer("It is not the version that `If-Match` names.") }),
      ...(!route.reads && { 409: problemAnswer("Not in the state the object is in.") }),
      429: problemAnswer("Too many requests."),
    },
  };
}

const IF_MATCH: Json = {
  name: "If-Match",
  in: "header",
  required: false,
  description: "The `ETag` of the version to change; without it whatever is there.",
  schema: { type: "string" },
};

function pathParameters(path: string): readonly Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters({ query }: AdminRoute, schemas: Record<string, unknown>): readonly Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(query, "input", schemas) as {
    properties?: Record<string, { description?: string }>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }));
}

/** A schema with an id of its own is a component, everything else stands where it is used. */
function refOf(schema: z.ZodType, io: "input" | "output", schemas: Record<string, unknown>): unknown {
  return schemaOf(schema, io, schemas);
}

function schemaOf(schema: z.ZodType, io: "input" | "output", schemas: Record<string, unknown>): unknown {
  const {
    $schema: _version,
    $defs = {},
    ...rest
  } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Record<string, unknown> & {
    $defs?: Record<string, unknown>;
  };
  for (const [name, definition] of Object.entries($defs)) schemas[name] ??= relinked(definition);
  const linked = relinked(rest) as Record<string, unknown>;
  const name = z.globalRegistry.get(schema)?.id;
  if (typeof name !== "string") return linked;
  schemas[name] ??= linked;
  return { $ref: `#/components/schemas/${name}` };
}

function relinked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relinked);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      key === "$ref" && typeof member === "string"
        ? member.replace("#/$defs/", "#/components/schemas/")
        : relinked(member),
    ]),
  );
}
