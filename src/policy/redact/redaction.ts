import type { KeptContent } from "../../model/ports/journal.ts";
import { ExactNumber } from "../../protocol/json-exact.ts";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import { mapped, withMembers } from "./copy-on-change.ts";
import { MASK, maskCredentials } from "./credential-forms.ts";
import { childPlaces, type JsonPath, type Places, rootPlaces } from "./json-path.ts";
import { KnownSecrets } from "./known-secrets.ts";
import { childSchemas, expanded, hasMarks, isMarked, type SchemaPlace } from "./schema-marks.ts";
import { credentialNames, type SecretNames } from "./secret-names.ts";
import { maskNamed } from "./text-secrets.ts";

/** What the configuration calls secret. */
export interface Secrecy {
  readonly names: SecretNames;
  readonly paths: readonly JsonPath[];
}

/** Characters looked at in one part; a larger one is recorded by its size alone. */
const EXAMINED_CHARS_MAX = 1 << 20;
/** JSON in strings in JSON; deeper, the string is taken out whole. */
const NESTED_MAX = 3;
const DEPTH_MAX = 128;
/** Distinct secrets looked for elsewhere in the call. */
const FOUND_MAX = 64;
/** A shorter value is taken out where it stands, and not looked for elsewhere: it would be found in every other word. */
const FOUND_CHARS_MIN = 6;
/** The same for what stands within an object or list that is a secret as a whole: not all of it is one. */
const FOUND_WITHIN_CHARS_MIN = 10;

const CREDENTIAL_CHARS_MIN = 15;
/** What stands under a secret name in a schema or an example. */
const TYPE_WORDS: ReadonlySet<string> = new Set([
  "string",
  "number",
  "integer",
  "boolean",
  "object",
  "required",
  "optional",
  "password",
  "secret",
  "bearer",
]);

const TOO_LARGE = Symbol("too large to examine");

/**
 * Takes the secrets out of what is recorded of one call, part after part. `full`: credentials by their form, by the header
 * they belong to, and those the gateway knows. `redacted`: also what a name, a schema's mark or a configured path says is
 * secret, what a text assigns to such a name, binary data, and every other place in the call where a secret found this way
 * stands again. Shape and types of the rest stay; values are never changed in place.
 */
export class Redaction {
  readonly #isFull: boolean;
  readonly #names: SecretNames;
  readonly #paths: readonly JsonPath[];
  readonly #known: readonly KnownSecrets[];
  /** Of this part and those before it. */
  readonly #found = new Set<string>();
  #hasTooManyFound = false;
  #left = 0;
  readonly #take = (secret: string): void => {
    if (secret.length < FOUND_CHARS_MIN || this.#found.has(secret) || TYPE_WORDS.has(secret)) return;
    if (this.#found.size < FOUND_MAX) this.#found.add(secret);
    else this.#hasTooManyFound = true;
  };

  constructor(level: KeptContent, secrecy: Secrecy, known: readonly KnownSecrets[]) {
    this.#isFull = level === "full";
    this.#names = this.#isFull ? credentialNames : secrecy.names;
    this.#paths = this.#isFull ? [] : secrecy.paths;
    this.#known = known.filter((secrets) => !secrets.isEmpty);
  }

  /** The part without its secrets; `undefined` where it is too large to be examined. The same value where it has none. */
  part(name: string, value: JsonValue, described?: SchemaPlace): JsonValue | undefined {
    this.#left = EXAMINED_CHARS_MAX;
    try {
      const isDescribed = described !== undefined && !this.#isFull && hasMarks(described.root);
      const schemas = isDescribed ? expanded([described]) : [];
      const places = childPlaces(rootPlaces(this.#paths), name);
      if (places === undefined || isMarked(schemas)) return this.#taken(value);
      const masked = this.#value(value, places, schemas, 0, 0);
      if (this.#hasTooManyFound) return MASK;
      if (this.#found.size === 0) return masked;
      return this.#swept(masked, new KnownSecrets(this.#found));
    } catch (thrown) {
      if (thrown === TOO_LARGE) return undefined;
      throw thrown;
    }
  }

  /** What a client answered to a server's question: any of it may be a secret, so `redacted` keeps its shape alone. */
  answers(value: JsonValue): JsonValue | undefined {
    if (this.#isFull) return this.part("answers", value);
    this.#left = EXAMINED_CHARS_MAX;
    try {
      return this.#blank(value, 0);
    } catch (thrown) {
      if (thrown === TOO_LARGE) return undefined;
      throw thrown;
    }
  }

  #spend(chars: number): void {
    this.#left -= chars + 4;
    if (this.#left < 0) throw TOO_LARGE;
  }

  #value(
    value: JsonValue,
    places: Places,
    schemas: readonly SchemaPlace[],
    depth: number,
    nested: number,
  ): JsonValue {
    if (typeof value === "string") return this.#text(value, places, schemas, depth, nested);
    this.#spend(0);
    if (value === null || typeof value !== "object" || value instanceof ExactNumber) return value;
    if (depth > DEPTH_MAX) return MASK;
    if (Array.isArray(value)) {
      return mapped(value, (element, index) =>
        this.#followsName(value, index)
          ? this.#taken(element)
          : this.#child(
              element,
              childPlaces(places, String(index)),
              childSchemas(schemas, index),
              depth,
              nested,
            ),
      );
    }
    const named = secretMembers(value, this.#names);
    const isBinary = !this.#isFull && typeof value.mimeType === "string";
    return withMembers(
      value,
      (key, member) => {
        this.#spend(key.length);
        if (named?.has(key) || this.#names.has(key)) return this.#taken(member);
        if (
          typeof member === "string" &&
          ((isBinary && key === "data") || (!this.#isFull && key === "blob"))
        ) {
          this.#spend(member.length);
          return `[${member.length} characters of base64]`;
        }
        return this.#child(member, childPlaces(places, key), childSchemas(schemas, key), depth, nested);
      },
      (key) => this.#name(key),
    );
  }

  /** A name that is as long as a credential may be one. */
  #name(key: string): string {
    return key.length < CREDENTIAL_CHARS_MIN ? this.#withoutKnown(key) : this.#masked(key);
  }

  /** `["Authorization", "…"]`, `["--password", "…"]` */
  #followsName(values: readonly JsonValue[], index: number): boolean {
    const name = values[index - 1];
    if (typeof name !== "string" || typeof values[index] !== "string") return false;
    return (values.length === 2 || name.startsWith("-")) && this.#names.has(name);
  }

  #child(
    value: JsonValue,
    places: Places | undefined,
    schemas: readonly SchemaPlace[],
    depth: number,
    nested: number,
  ): JsonValue {
    if (places === undefined || (schemas.length > 0 && isMarked(schemas))) return this.#taken(value);
    return this.#value(value, places, schemas, depth + 1, nested);
  }

  /** JSON in a text is described by what describes the text. */
  #text(
    text: string,
    places: Places,
    schemas: readonly SchemaPlace[],
    depth: number,
    nested: number,
  ): JsonValue {
    this.#spend(text.length);
    const inner = JSON_TEXT.test(text) ? parsed(text) : undefined;
    if (inner !== undefined && nested < NESTED_MAX) {
      const masked = this.#value(inner, places, schemas, depth, nested + 1);
      if (masked !== inner) return JSON.stringify(masked);
    } else if (inner !== undefined && !this.#isFull) return MASK;
    return maskNamed(this.#masked(text), this.#names, this.#take);
  }

  #masked(text: string): string {
    return maskCredentials(this.#withoutKnown(text));
  }

  #withoutKnown(text: string): string {
    let masked = text;
    for (const secrets of this.#known) masked = secrets.mask(masked);
    return masked;
  }

  /** A value that is a secret whatever it is; one that says only whether there is one stays. */
  #taken(value: JsonValue): JsonValue {
    if (value === null || typeof value === "boolean" || value === "") return value;
    this.#collect(value, 0);
    return MASK;
  }

  #collect(value: JsonValue | undefined, depth: number): void {
    if (this.#isFull || depth > DEPTH_MAX) return;
    const charsMin = depth === 0 ? FOUND_CHARS_MIN : FOUND_WITHIN_CHARS_MIN;
    if (typeof value === "string") {
      this.#spend(value.length);
      if (value.length >= charsMin) this.#take(value);
    } else if (typeof value === "number" || value instanceof ExactNumber) {
      const text = typeof value === "number" ? String(value) : value.source;
      if (text.length >= charsMin) this.#take(text);
    } else if (Array.isArray(value)) {
      for (const element of value) this.#collect(element, depth + 1);
    } else if (value !== null && typeof value === "object") {
      for (const member of Object.values(value)) this.#collect(member, depth + 1);
    }
  }

  /** Second pass: what was taken out at one place stands at no other either. */
  #swept(value: JsonValue, secrets: KnownSecrets): JsonValue {
    if (typeof value === "string") return secrets.mask(value);
    if (typeof value === "number") return this.#found.has(String(value)) ? MASK : value;
    if (value === null || typeof value !== "object") return value;
    if (value instanceof ExactNumber) return this.#found.has(value.source) ? MASK : value;
    if (Array.isArray(value)) return mapped(value, (element) => this.#swept(element, secrets));
    return withMembers(
      value,
      (_key, member) => this.#swept(member, secrets),
      (key) => secrets.mask(key),
    );
  }

  #blank(value: JsonValue, depth: number): JsonValue {
    this.#spend(typeof value === "string" ? value.length : 0);
    if (value === null || typeof value !== "object" || value instanceof ExactNumber) {
      this.#collect(value, 0);
      return value === null ? null : MASK;
    }
    if (depth > DEPTH_MAX) return MASK;
    if (Array.isArray(value)) return mapped(value, (element) => this.#blank(element, depth + 1));
    return withMembers(
      value,
      (key, member) => (key === "action" && ACTIONS.has(member) ? member : this.#blank(member, depth + 1)),
      (key) => this.#masked(key),
    );
  }
}

/** Members that are secrets by what stands beside them: `{"name": "password", "value": "…"}`, and the private part of a JWK. */
function secretMembers(object: JsonObject, names: SecretNames): ReadonlySet<string> | undefined {
  if (typeof object.kty === "string") return JWK_SECRETS;
  const { name, key, header, field } = object;
  for (const given of [name, key, header, field]) {
    if (typeof given === "string" && names.has(given)) return NAMED_VALUES;
  }
  return undefined;
}
const NAMED_VALUES: ReadonlySet<string> = new Set(["value", "values", "val", "default"]);
const JWK_SECRETS: ReadonlySet<string> = new Set(["d", "p", "q", "dp", "dq", "qi", "oth", "k"]);

/** What an elicitation may be answered with: says nothing but whether it was. */
const ACTIONS: ReadonlySet<JsonValue> = new Set(["accept", "decline", "cancel"]);
/** A document, or one in quotes again. */
const JSON_TEXT = /^\s{0,64}(?:[[{]|"\s{0,64}[[{"\\])/;

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
