import * as z from "zod";

// Each schema is used a few times in a process's life; compiling validators for it costs more than it saves.
z.config({ jitless: true });

/** A kind of value a setting can have: how it is read, shown in the reference, and written back. */
export interface Kind<T> {
  /** `duration`, `size`, `one of json, text`: for the reference. */
  readonly name: string;
  /** Text of environment variables and of `"${VAR}"` arrives as strings; a kind reads those too. */
  read(value: unknown): T | Refusal;
  /** The spelling `read` takes back; absent means the value itself. */
  write?(value: T): unknown;
}

/** Why a value was not taken: what was expected, and the likely fix. */
export class Refusal {
  readonly expected: string;
  readonly fix: string;
  /** The member the refusal is about, where the value is a list or a map. */
  readonly member: string | number | undefined;
  constructor(expected: string, fix = "", member?: string | number) {
    this.expected = expected;
    this.fix = fix;
    this.member = member;
  }
}

export interface FieldNotes {
  /** Masked wherever settings are shown. */
  readonly secret?: boolean;
  /** A change takes effect at the next start only. */
  readonly restart?: boolean;
  /** What the reference shows as default where the default depends on other settings. */
  readonly defaultText?: string;
}

/** What a schema describes; the reference, masking and "did you mean" are derived from it. */
export type Shape =
  | {
      readonly is: "field";
      readonly kind: Kind<unknown>;
      readonly doc: string;
      readonly default: unknown;
      readonly required: boolean;
      readonly notes: FieldNotes;
    }
  | { readonly is: "section"; readonly doc: string; readonly members: Readonly<Record<string, z.ZodType>> }
  | { readonly is: "list"; readonly doc: string; readonly item: z.ZodType };

const shapes = new WeakMap<z.ZodType, Shape>();

export function shapeOf(schema: z.ZodType): Shape | undefined {
  return shapes.get(schema);
}

type Field<T> = z.ZodType<T, unknown>;

/** A setting with a default; an empty value (`key:`) counts as absent, here and in all others. */
export function field<T>(kind: Kind<T>, fallback: T, doc: string, notes: FieldNotes = {}): Field<T> {
  return describe(
    z.transform((value, context) => (value == null ? fallback : read(kind, value, context, fallback))),
    { is: "field", kind: kind as Kind<unknown>, doc, default: fallback, required: false, notes },
  );
}

export function optionalField<T>(kind: Kind<T>, doc: string, notes: FieldNotes = {}): Field<T | undefined> {
  return describe(
    z.transform((value, context): T | undefined =>
      value == null ? undefined : read(kind, value, context, undefined),
    ),
    { is: "field", kind: kind as Kind<unknown>, doc, default: undefined, required: false, notes },
  );
}

export function requiredField<T>(kind: Kind<T>, doc: string, notes: FieldNotes = {}): Field<T> {
  return describe(
    z.transform((value, context): T => {
      const result = value == null ? new Refusal(`${kind.name} (required)`) : kind.read(value);
      if (!(result instanceof Refusal)) return result;
      refuse(context, result, value);
      return z.NEVER;
    }),
    { is: "field", kind: kind as Kind<unknown>, doc, default: undefined, required: true, notes },
  );
}

type Rule<T> = (value: T, refuse: (path: readonly (string | number)[], refusal: Refusal) => void) => void;

/** A map of known keys; others are errors. `rule` checks what concerns several of them, whatever else is wrong. */
export function section<M extends Record<string, z.ZodType>>(
  doc: string,
  members: M,
  rule?: Rule<Members<M>>,
) {
  const object = z.strictObject(members);
  const checked = rule
    ? object.superRefine(
        (value, context) => {
          if (typeof value !== "object" || value === null || Array.isArray(value)) return;
          rule(value as Members<M>, (path, refusal) => {
            context.addIssue({
              code: "custom",
              path: [...path],
              message: refusal.expected,
              params: { fix: refusal.fix },
            });
          });
        },
        { when: () => true },
      )
    : object;
  const schema = z.preprocess((value) => value ?? {}, checked);
  return describe(schema as unknown as z.ZodType<Members<M>, unknown>, { is: "section", doc, members });
}

/** Like `section`, but absent as a whole where the key is. */
export function optionalSection<M extends Record<string, z.ZodType>>(doc: string, members: M) {
  const object = z.strictObject(members);
  const schema = z.preprocess((value) => value ?? undefined, z.optional(object));
  return describe(schema as unknown as z.ZodType<Members<M> | undefined, unknown>, {
    is: "section",
    doc,
    members,
  });
}

export function list<S extends z.ZodType>(doc: string, item: S): z.ZodType<z.output<S>[], unknown> {
  const schema = z.preprocess((value) => value ?? [], z.array(item));
  return describe(schema as unknown as z.ZodType<z.output<S>[], unknown>, { is: "list", doc, item });
}

/** The same schema, also taking what `from` turns into its input. */
export function alsoFrom<T>(
  from: (value: unknown) => unknown,
  schema: z.ZodType<T, unknown>,
): z.ZodType<T, unknown> {
  const shape = shapes.get(schema);
  const wider = z.preprocess(from, schema) as unknown as z.ZodType<T, unknown>;
  return shape ? describe(wider, shape) : wider;
}

type Members<M extends Record<string, z.ZodType>> = { [K in keyof M]: z.output<M[K]> };

function describe<T>(schema: z.ZodType<T, unknown>, shape: Shape): z.ZodType<T, unknown> {
  shapes.set(schema, shape);
  return schema;
}

function read<T>(kind: Kind<T>, value: unknown, context: IssueSink, fallback: T): T;
function read<T>(kind: Kind<T>, value: unknown, context: IssueSink, fallback: undefined): T | undefined;
function read<T>(kind: Kind<T>, value: unknown, context: IssueSink, fallback: T | undefined): T | undefined {
  const result = kind.read(value);
  if (!(result instanceof Refusal)) return result;
  refuse(context, result, value);
  return fallback;
}

interface IssueSink {
  readonly issues: { push(issue: z.core.$ZodRawIssue): unknown };
}

function refuse(context: IssueSink, refusal: Refusal, input: unknown): void {
  context.issues.push({
    code: "custom",
    message: refusal.expected,
    input,
    // The rules over several settings run even when one of them is wrong, so that all mistakes show at once.
    continue: true,
    ...(refusal.member === undefined ? {} : { path: [refusal.member] }),
    params: { fix: refusal.fix },
  });
}
