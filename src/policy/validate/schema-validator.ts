import type { ErrorObject, ValidateFunction } from "ajv";
import Ajv from "ajv";
import Ajv2020 from "ajv/dist/2020.js";
import { RE2JS } from "re2js";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import { CompilerPool } from "./compiler-pool.ts";
import { dialectOf } from "./dialect.ts";
import { isWithinCost } from "./schema-cost.ts";

/** A compiled schema, or why it cannot be run. */
export type Validator =
  | { readonly kind: "ready"; readonly check: (value: JsonValue) => string | undefined }
  | { readonly kind: "unusable"; readonly reason: string };

const PROBLEMS_MAX = 5;

/**
 * User patterns run on a linear-time engine, never on the built-in one, which hostile input can stall. `toString` is the
 * key under which the compiler shares engines, so it must differ for each pattern.
 */
function linearRegExp(pattern: string, flags: string) {
  const compiled = RE2JS.compile(
    RE2JS.translateRegExp(pattern),
    flags.includes("i") ? RE2JS.CASE_INSENSITIVE : 0,
  );
  return {
    test: (text: string) => compiled.matcher(text).find(),
    toString: () => `linear:${flags}:${pattern}`,
  };
}
linearRegExp.code = "linearRegExp";

const options = {
  strict: false,
  allErrors: true,
  // Formats are annotations in 2020-12; asserting them would refuse what the server accepts.
  validateFormats: false,
  logger: false,
  validateSchema: false,
  code: { regExp: linearRegExp as never },
} as const;

const compilers = {
  "draft-07": new CompilerPool(() => new Ajv(options)),
  "2020-12": new CompilerPool(() => new Ajv2020(options)),
};

/**
 * Compiles a tool's `inputSchema` (JSON Schema 2020-12 by default, draft-07 where it says so). References to other documents
 * are never fetched: such a schema is unusable, as is one in another dialect, with a pattern the linear engine lacks, or
 * with references that multiply. `check` passes what it cannot decide, as where references run in a circle.
 */
export function compileSchema(schema: JsonObject): Validator {
  const dialect = dialectOf(schema);
  if (dialect === undefined) {
    const named = String(schema.$schema).slice(0, 100);
    return { kind: "unusable", reason: `the schema dialect ${named} is not supported` };
  }
  if (!isWithinCost(schema)) return { kind: "unusable", reason: "its references expand without bound" };
  try {
    const pool = compilers[dialect];
    // The root needs no name for validation: without one it cannot be referred to from elsewhere.
    const { $id: _id, ...rest } = schema;
    const validate = pool.compile(rest);
    return { kind: "ready", check: (value) => check(validate, value) };
  } catch (cause) {
    return {
      kind: "unusable",
      reason: cause instanceof Error ? cause.message.slice(0, 200) : "not compilable",
    };
  }
}

function check(validate: ValidateFunction, value: JsonValue): string | undefined {
  try {
    return validate(value) ? undefined : problems(validate);
  } catch {
    return undefined;
  }
}

function problems(validate: ValidateFunction): string {
  const errors = validate.errors ?? [];
  const lines = errors.slice(0, PROBLEMS_MAX).map(describe);
  if (errors.length > PROBLEMS_MAX) lines.push(`and ${errors.length - PROBLEMS_MAX} more`);
  return lines.join("; ");
}

function describe(error: ErrorObject): string {
  const path =
    error.instancePath === "" ? "arguments" : `arguments${error.instancePath.replaceAll("/", ".")}`;
  const extra =
    error.keyword === "additionalProperties"
      ? ` (${String(error.params.additionalProperty)})`
      : error.keyword === "enum"
        ? ` (${JSON.stringify(error.params.allowedValues).slice(0, 200)})`
        : "";
  return `${path} ${error.message ?? "is not valid"}${extra}`;
}
