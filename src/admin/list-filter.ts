import { z } from "zod";
import type { PageRequest } from "../model/ports/row.ts";
import { slug, withoutNul } from "./fields.ts";
import type { AdminParts } from "./parts.ts";

/** Query parameters that narrow lists; each that is given has to fit. */
export const yesOrNo = (what: string) =>
  z
    .enum(["true", "false"])
    .transform((value) => value === "true")
    .optional()
    .describe(what);
/** @param of what it is a part of */
export const searched = (of: string) =>
  z
    .string()
    .min(1)
    .max(200)
    .refine(...withoutNul)
    .optional()
    .describe(`A part of ${of}, in lower or upper case.`);
export const inNamespace = slug.optional().describe("Of the namespace of this slug.");

/** Where nothing is. */
export const NOWHERE = "00000000-0000-0000-0000-000000000000";

/** The id of the namespace a list is narrowed to; in one that is not there nothing is found. */
export async function namespaceIdOf(
  { organization, store }: Pick<AdminParts, "organization" | "store">,
  organizationId: string,
  named: string | undefined,
): Promise<string | undefined> {
  if (named === undefined) return undefined;
  const { id } =
    organization(organizationId)?.namespacesBySlug.get(named) ??
    (await store.namespaces.findBySlug(organizationId, named)) ??
    {};
  return id ?? NOWHERE;
}

/** Whether a text is a part of one of these, as the store looks for it. */
export function hasText(text: string | undefined, ...places: readonly (string | null)[]): boolean {
  if (text === undefined) return true;
  const lower = text.toLowerCase();
  return places.some((place) => place?.toLowerCase().includes(lower));
}
/** Whether something is as it is asked for, or nothing is asked. */
export function isAsked<T>(asked: T | undefined, value: T): boolean {
  return asked === undefined || asked === value;
}

const BATCH = 1_000;

/** A page of what fits, where this process alone knows what does: reads on until it is full. */
export async function pageOfFitting<T extends { readonly id: string }>(
  read: (page: PageRequest) => Promise<readonly T[]>,
  { after: begin, limit = BATCH }: PageRequest,
  fits: (row: T) => boolean,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (let after = begin; ; ) {
    const rows = await read({ limit: BATCH, ...(after !== undefined && { after }) });
    found.push(...rows.filter(fits));
    if (found.length >= limit || rows.length < BATCH) return found.slice(0, limit);
    after = rows.at(-1)?.id;
  }
}
