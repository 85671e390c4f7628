import type { JsonObject } from "../../protocol/json-value.ts";

const DRAFT_07 = /^https?:\/\/json-schema\.org\/draft-0[67]\/schema#?$/;
const DRAFT_2020 = /^https:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/;

/** JSON Schema 2020-12 where a schema names no dialect (2026-07-28, tools); undefined where it names another. */
export function dialectOf({ $schema }: JsonObject): "2020-12" | "draft-07" | undefined {
  if (typeof $schema !== "string" || DRAFT_2020.test($schema)) return "2020-12";
  return DRAFT_07.test($schema) ? "draft-07" : undefined;
}
