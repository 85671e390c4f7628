import { z } from "zod";
import { catalogue } from "../../errors/catalogue.ts";
import { actAreas } from "../../policy/authorize/act-areas.ts";
import { refusalsOf, showsVersion } from "../refusals.ts";
import type { AdminRoute } from "../route.ts";
import { examples } from "./examples/examples.ts";

type Json = Readonly<Record<string, unknown>>;

const problem = {
  type: "object",
  description: "Problem details (RFC 9457).",
  required: ["type", "title", "status", "detail", "code", "correlation_id"],
  properties: {
    type: { type: "string", description: "`urn:mcp-gateway:error:` and the code." },
    title: { type: "string", description: "The code in words." },
    status: { type: "integer" },
    detail: { type: "string", description: "What was wrong this time, and what to do." },
    code: { type: "string", description: "Never changes its meaning; docs/errors.md has them all." },
    correlation_id: { type: "string", description: "Names the request in the log and the record." },
    data: {
      type: "object",
      description: "What a program may need: `errors` with the path of each, the limit that was reached.",
    },
  },
  examples: [
    {
      type: "urn:mcp-gateway:error:not_found",
      title: "Not found",
      status: 404,
      detail: catalogue.not_found.text,
      code: "not_found",
      correlation_id: "019ac1b2-6f3e-7c55-9d0a-2f6f3f0c7a11",
    },
  ],
};
const oauthProblem = {
  type: "object",
  description: "An error of a token route (RFC 6749, 5.2).",
  required: ["error", "error_description", "correlation_id"],
  properties: {
    error: { type: "string" },
    error_description: { type: "string" },
    correlation_id: { type: "string" },
  },
  examples: [
    {
      error: "invalid_client",
      error_description: catalogue.invalid_client.text,
      correlation_id: "019ac1b2-6f3e-7c55-9d0a-2f6f3f0c7a11",
    },
  ],
};

const text = (description: string): Json => ({ description, schema: { type: "string" } });
const requestId = { "X-Request-Id": text("The request's correlation id.") };
const etag = { ETag: text("The object's version, for `If-Match`, and what is shown, for `If-None-Match`.") };
const failure = {
  description: "The gateway cannot answer now (503, with `Retry-After`), or failed (500).",
  headers: requestId,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};
/** By status. */
const errorHeaders: Readonly<Record<number, Json>> = {
  401: { "WWW-Authenticate": text("How to authenticate.") },
  429: { "Retry-After": text("Seconds."), RateLimit: text("How the limit stands, where one was reached.") },
};

/** What each tag is about; a test finds the missing one. */
const TAGS: Readonly<Record<string, string>> = {
  server: "MCP servers behind the gateway.",
  auth: "Signing in and out, tokens, the caller's own profile.",
  api_key: "API keys: the caller's own, and all of the organisation.",
  user: "People of the organisation.",
  policy: "Who may call what, and why not.",
  claim_mapping: "What claims of identity providers' tokens are worth.",
  namespace: "Parts of an organisation with servers and names of their own.",
  organization: "Tenants.",
  session: "Sessions of clients of the older revisions.",
  rate_limit: "Limits and quotas, and what is used of them.",
  log: "The record of calls and events.",
  documentation: "This document.",
};

/** The control plane as OpenAPI 3.1, whose schemas are JSON Schema 2020-12, made of the routes' own. */
export function openApiDocument(routes: readonly AdminRoute[], version: string): Json {
  const schemas: Record<string, unknown> = { Problem: problem, OAuthProblem: oauthProblem };
  const refusals: Record<string, unknown> = { Failure: failure };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = paths[route.path] ?? {};
    paths[route.path] = path;
    path[route.method.toLowerCase()] = operationOf(route, schemas, refusals);
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
    security: [{ bearer: [] }, { api_key: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name, description: TAGS[name] })),
    paths,
    components: {
      schemas,
      responses: refusals,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "An API key or a token." },
        api_key: { type: "apiKey", in: "header", name: "X-API-Key", description: "An API key." },
      },
    },
  };
}

function operationOf(
  route: AdminRoute,
  schemas: Record<string, unknown>,
  refusals: Record<string, unknown>,
): Json {
  const { id, summary, tag, access, roles, action, inPerson } = route;
  const who =
    access === "open"
      ? "Open."
      : `For ${[...roles.map((role) => `\`${role}\``), "platform administrators"].join(", ")}.${byScopes(action, roles)}${IN_PERSON[inPerson ?? "not"]}`;
  return {
    operationId: id,
    summary,
    description: who,
    ...(access !== "open" && { "x-action": action }),
    tags: [tag],
    ...(access === "open" && { security: [] }),
    parameters: [
      ...pathParameters(route.path),
      ...queryParameters(route, schemas),
      ...headerParameters(route),
    ],
    ...(route.body !== undefined && {
      requestBody: { required: true, content: requestContent(route, route.body, schemas) },
    }),
    responses: { ...successOf(route, schemas), ...unchanged(route), ...refusalAnswers(route, refusals) },
  };
}

const IN_PERSON = {
  here: " In person: by the token of a sign-in here.",
  anywhere: " In person: by the token of a sign-in, here or at an identity provider.",
  not: "",
} as const;

/** The pattern of a claim mapping that permits an administrator's act. */
function byScopes(action: string, roles: AdminRoute["roles"]): string {
  const area = Object.entries(actAreas).find(([, acts]) => acts.includes(action))?.[0];
  return area === undefined || roles.length === 0 ? "" : ` Scopes permit it by \`admin:${area}\`.`;
}

function requestContent(route: AdminRoute, body: z.ZodType, schemas: Record<string, unknown>): Json {
  const media = { schema: refOf(body, "input", schemas), ...shown(examples[route.id]?.body) };
  return {
    "application/json": media,
    ...(route.takesForms && { "application/x-www-form-urlencoded": media }),
  };
}

function successOf(route: AdminRoute, schemas: Record<string, unknown>): Json {
  const content = {
    ...(route.response !== undefined && {
      "application/json": {
        schema: refOf(route.response, "output", schemas),
        ...shown(examples[route.id]?.answer),
      },
    }),
    ...Object.fromEntries(route.produces.map((type) => [type, { schema: { type: "string" } }])),
  };
  return {
    [route.status]: {
      description: SUCCESS[route.status],
      headers: { ...requestId, ...successHeaders(route) },
      ...(Object.keys(content).length > 0 && { content }),
    },
  };
}

function unchanged(route: AdminRoute): Json {
  if (!knowsTags(route)) return {};
  const description = "It is what the tag in `If-None-Match` is of.";
  return { 304: { description, headers: { ...requestId, ...etag } } };
}

/** Its readers may say what they have. */
function knowsTags(route: AdminRoute): boolean {
  return route.method === "GET" && showsVersion(route);
}

function shown(example: unknown): Json {
  return example === undefined ? {} : { example };
}

/** Each kind of refusal stands once among the components, named by its status and its codes. */
function refusalAnswers(route: AdminRoute, refusals: Record<string, unknown>): Json {
  const answers: Record<string, Json> = {};
  for (const [status, codes] of refusalsOf(route)) {
    const isOauth = route.oauthErrors && (status === 400 || status === 401);
    const name = [status, ...(isOauth ? ["oauth"] : []), ...codes].join(".");
    const schema = { $ref: `#/components/schemas/${isOauth ? "OAuthProblem" : "Problem"}` };
    refusals[name] ??= {
      description: codes.map((code) => `\`${code}\`: ${catalogue[code].text}`).join("\n\n"),
      headers: { ...requestId, ...errorHeaders[status] },
      content: { [isOauth ? "application/json" : "application/problem+json"]: { schema } },
    };
    answers[status] = { $ref: `#/components/responses/${name}` };
  }
  return { ...answers, "5XX": { $ref: "#/components/responses/Failure" } };
}

const SUCCESS: Readonly<Record<AdminRoute["status"], string>> = {
  200: "Success.",
  201: "Made.",
  204: "Done.",
  302: "Sent on.",
};

function successHeaders(route: AdminRoute): Json {
  return {
    ...Object.fromEntries(Object.entries(route.answerHeaders).map(([name, says]) => [name, text(says)])),
    ...(showsVersion(route) && etag),
    ...(route.status === 201 && {
      Location: text("Where it is."),
      "Idempotency-Replayed": text("`true` where the answer is the one of the first such request."),
    }),
    ...(route.status === 302 && {
      Location: text("Where to go on."),
      "Set-Cookie": text("Of this sign-in."),
    }),
  };
}

function headerParameters(route: AdminRoute): readonly Json[] {
  const header = (name: string, description: string) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  });
  if (route.status === 201) {
    return [
      header("Idempotency-Key", "Any text: the same request again within a day gets the first answer."),
    ];
  }
  if (knowsTags(route))
    return [header("If-None-Match", "The `ETag` of what the caller has: 304 where it is still that.")];
  if (!route.versioned) return [];
  return [
    header("If-Match", "The `ETag` of the version to change; without it whatever is there."),
    header("If-None-Match", "The `ETag` of a version to leave as it is; `*`: only where nothing is there."),
  ];
}

/** What stands in a path; a test finds the missing one. */
const PLACES: Readonly<Record<string, string>> = {
  id: "The object's id.",
  provider: "The identity provider's name in the configuration.",
  namespace: "The namespace's slug.",
  server: "The server's id or name.",
  file: "The file's name.",
};

function pathParameters(path: string): readonly Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    description: PLACES[name],
    schema: { type: "string" },
  }));
}

function queryParameters({ query }: AdminRoute, schemas: Record<string, unknown>): readonly Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = refOf(query, "input", schemas) as {
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
