import { z } from "zod";
import { nearest } from "../config/problem.ts";
import { GatewayError } from "../errors/gateway-error.ts";

/** Parses, or says where and why not: the first reason as text, all of them as data. */
export function checked<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.slice(0, 20).map((issue) => ({
    path: issue.path.map(String).join("."),
    message: messageOf(issue, schema),
  }));
  const [first] = errors;
  const place = first === undefined || first.path === "" ? what : first.path;
  throw new GatewayError(
    "invalid_request",
    { detail: `${place}: ${first?.message ?? "not valid"}` },
    { data: { errors } },
  );
}

/** Refuses members for what their schemas do not say of them, or of each other: the first as text, all of them as data. */
export function membersRefused(...errors: readonly [MemberFault, ...(readonly MemberFault[])]): GatewayError {
  const [{ path, message }] = errors;
  return new GatewayError("invalid_request", { detail: `${path}: ${message}` }, { data: { errors } });
}
interface MemberFault {
  /** With dots. */
  readonly path: string;
  readonly message: string;
}

/** What is not there is no value of a kind: strangers know no `undefined`. Of an unknown member the likely one is named. */
function messageOf(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const { message } = issue;
  if (issue.code !== "unrecognized_keys")
    return message.replace(/^Invalid input: expected (.+), received undefined$/, "required: expected $1");
  const known = membersAt(schema, issue.path);
  const meant = issue.keys.flatMap((key) => nearest(key, known) ?? []);
  return meant.length === 0 ? message : `${message} (did you mean ${meant.join(", ")}?)`;
}

/** Names of the members of the object that stands at a place of what the schema describes. */
function membersAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at: unknown = schema;
  for (const step of [...path, undefined]) {
    while (at instanceof z.ZodOptional || at instanceof z.ZodNullable || at instanceof z.ZodDefault)
      at = at.unwrap();
    if (step === undefined) break;
    if (at instanceof z.ZodObject) at = at.shape[String(step)];
    else if (at instanceof z.ZodArray) at = at.element;
    else return [];
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}
