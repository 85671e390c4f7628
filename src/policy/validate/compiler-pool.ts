import type { default as Ajv, ValidateFunction } from "ajv";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";

/** A compiler keeps a few KiB of each schema as long as one of its validators lives, so none serves too many. */
const COMPILES_MAX = 256;

/**
 * Compiles the schemas of one dialect. A new compiler costs milliseconds and 180 KiB, so one serves many schemas, which
 * share nothing: they are forgotten once compiled, and a schema that names a part of itself (`$id`) gets a compiler of
 * its own, as names are all that a reference could reach another schema by.
 */
export class CompilerPool {
  readonly #create: () => Ajv;
  /** Compiles the dialect's own schema once; compiles nothing else. */
  #judge: Ajv | undefined;
  #compiler: Ajv | undefined;
  #compiles = 0;

  constructor(create: () => Ajv) {
    this.#create = create;
  }

  /** @throws Error where it is no valid schema of the dialect, or refers to what it does not hold. */
  compile(schema: JsonObject): ValidateFunction {
    this.#judge ??= this.#create();
    const { $schema: _dialect, ...judged } = schema;
    if (this.#judge.validateSchema(judged) !== true) {
      throw new Error(`not a valid schema: ${this.#judge.errorsText(this.#judge.errors)}`);
    }
    if (holdsName(schema)) return this.#create().compile(schema);
    if (this.#compiler === undefined || this.#compiles++ >= COMPILES_MAX) {
      this.#compiler = this.#create();
      this.#compiles = 1;
    }
    try {
      return this.#compiler.compile(schema);
    } finally {
      // Kept once as itself, and once under the name of a root without one, by which "#" is found.
      this.#compiler.removeSchema(schema).removeSchema("");
    }
  }
}

function holdsName(node: JsonValue | undefined): boolean {
  if (node === null || typeof node !== "object") return false;
  if (!Array.isArray(node) && typeof node.$id === "string") return true;
  for (const member of Object.values(node)) if (holdsName(member)) return true;
  return false;
}
