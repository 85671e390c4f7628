import { expect } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { refusalsOf } from "../../../src/admin/refusals.ts";
import type { AdminRoute } from "../../../src/admin/route.ts";
import type { ErrorCode } from "../../../src/errors/catalogue.ts";

export type Route = AdminRoute;
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | object;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
}
type Content = Readonly<Record<string, { readonly schema: Schema; readonly example?: unknown }>>;
export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly description?: string;
  readonly schema: Schema;
}
export interface DeclaredAnswer {
  readonly $ref?: string;
  readonly description: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Content;
}
export interface OperationObject {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, DeclaredAnswer>>;
  readonly security?: readonly object[];
}
export interface OpenApi {
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, DeclaredAnswer>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
  };
}

const formats = {
  uuid: /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i,
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  email: /^[^@\s]+@[^@\s]+$/,
  uri: /^[a-z][a-z0-9+.-]*:\S+$/i,
};

/** What a stranger has: the document a gateway serves, read with a validator that is not the gateway's own. */
export class Document {
  readonly openApi: OpenApi;
  readonly #ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true, formats });

  constructor(openApi: OpenApi) {
    this.openApi = openApi;
    this.#ajv.addSchema({ ...openApi, $id: "api:document" });
  }

  operation({ path, method, id }: Route): OperationObject {
    const operation = this.openApi.paths[path]?.[method.toLowerCase()];
    if (operation === undefined) throw new Error(`/openapi.json has no ${method} ${path} (${id})`);
    return operation;
  }

  /** The schema behind a reference. */
  resolved(schema: Schema): Schema {
    if (schema.$ref === undefined) return schema;
    return this.openApi.components.schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {};
  }

  /** What is wrong with a value; nothing where it fits. */
  faults(place: readonly string[], value: unknown): string[] {
    const pointer = place.map((one) => one.replaceAll("~", "~0").replaceAll("/", "~1"));
    const $ref = `api:document#/${pointer.map(encodeURIComponent).join("/")}`;
    const validate = this.#ajv.getSchema($ref) ?? this.#ajv.compile({ $ref });
    if (validate(value) === true) return [];
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`);
  }

  bodyFaults({ path, method }: Route, value: unknown): string[] {
    const place = ["paths", path, method.toLowerCase(), "requestBody", "content", "application/json"];
    return this.faults([...place, "schema"], value);
  }

  /** Fails unless the answer is one that the operation declares, body and headers and all. */
  check(route: Route, answer: Response, text: string): { readonly code: ErrorCode | undefined } {
    const { status, headers } = answer;
    const what = `${route.id} answered ${status}: ${text.slice(0, 300)}`;
    const written = this.operation(route).responses[status];
    if (written === undefined) throw new Error(`not declared: ${what}`);
    const shared = written.$ref?.split("/").at(-1);
    const declared = shared === undefined ? written : this.openApi.components.responses[shared];
    const id = headers.get("x-request-id");
    expect([what, id, headers.get("x-content-type-options")]).toEqual([what, expect.any(String), "nosniff"]);
    const [type = ""] = (headers.get("content-type") ?? "").split(";");
    const content = declared?.content;
    if (content === undefined) {
      expect([what, text]).toEqual([what, ""]);
    } else {
      expect([what, Object.keys(content)]).toEqual([what, expect.arrayContaining([type])]);
      if (type.endsWith("json")) {
        const own = ["paths", route.path, route.method.toLowerCase(), "responses", String(status)];
        const place = shared === undefined ? own : ["components", "responses", shared];
        const faults = this.faults([...place, "content", type, "schema"], JSON.parse(text));
        expect([what, faults]).toEqual([what, []]);
      }
    }
    if (status < 400) return { code: undefined };
    const problem = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const code = (problem.error ?? problem.code) as ErrorCode;
    expect([what, problem.correlation_id]).toEqual([what, id]);
    if (problem.error === undefined) {
      const { type, title, detail } = problem;
      expect([what, problem.status, type]).toEqual([what, status, `urn:mcp-gateway:error:${code}`]);
      expect(title).toMatch(/^[A-Z][a-z ]+$/);
      expect(detail).toMatch(/\w{3}.*\.$/s);
      expect(detail).not.toMatch(/\{\w+\}|undefined|\bat .*\.ts|select |insert /i);
    }
    const codes = refusalsOf(route).get(status) ?? [];
    expect([what, codes]).toEqual([what, expect.arrayContaining([code])]);
    if (status === 401) expect([what, headers.get("www-authenticate")]).toEqual([what, expect.any(String)]);
    if (status === 429) {
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    }
    return { code };
  }
}

/** Values that a parameter of this schema does not take. */
export function flawsOf(
  name: string,
  schema: Schema & { minimum?: number; maximum?: number; format?: string },
): string[] {
  if (name === "cursor") return ["%", Buffer.from("nothing").toString("base64url"), "x".repeat(513)];
  if (schema.type === "integer")
    return ["some", "1.5", String((schema.minimum ?? 0) - 1), String((schema.maximum ?? 0) + 1)];
  if (schema.enum !== undefined) return ["other"];
  return schema.format === undefined ? [] : ["other"];
}
