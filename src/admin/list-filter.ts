import { z } from "zod";
import type { PageRequest } from "../model/ports/row.ts";
import { slug, storableText } from "./fields.ts";
import { pages } from "./paged-rows.ts";
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
  storableText(200).min(1).optional().describe(`A part of ${of}; A to Z in lower or upper case.`);
export const inNamespace = slug.optional().describe("Of the namespace of this slug.");

/** Where nothing is. */
const NOWHERE = "00000000-0000-0000-0000-000000000000";

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

/** Whether a text is a part of one of these, whatever the case of its letters. */
export function hasText(text: string | undefined, ...places: readonly (string | null)[]): boolean {
  if (text === undefined) return true;
  const lower = text.toLowerCase();
  return places.some((place) => place?.toLowerCase().includes(lower));
}
/** Whether something is as it is asked for, or nothing is asked. */
export function isAsked<T>(asked: T | undefined, value: T): boolean {
  return asked === undefined || asked === value;
}

/** A page of what fits, where this process alone knows what does: reads on until it is full. */
export async function pageOfFitting<T extends { readonly id: string }>(
  read: (page: PageRequest) => Promise<readonly T[]>,
  { after, limit = 1_000 }: PageRequest,
  fits: (row: T) => boolean,
): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const row of pages(read, after)) {
    if (fits(row)) found.push(row);
    if (found.length >= limit) break;
  }
  return found;
}
