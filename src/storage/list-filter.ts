import { type Expression, type ExpressionBuilder, type Kysely, type SqlBool, sql } from "kysely";
import type { Engine } from "./engine.ts";
import type { Schema } from "./schema.ts";

export type ListEngine = Pick<Engine, "db" | "reads">;

/** Whoever narrows a list may have all of it looked through, which holds up no call. */
export function listedFrom({ db, reads }: ListEngine, filter: object): Kysely<Schema> {
  return Object.values(filter).some((value) => value !== undefined) ? reads : db;
}

/** Columns that are to hold a value; `undefined` says nothing of one. */
export function holding<T extends keyof Schema>(
  values: { readonly [K in keyof Schema[T]]?: unknown },
): (builder: ExpressionBuilder<Schema, T>) => Expression<SqlBool> {
  return ({ and, eb }) =>
    and(
      Object.entries(values).flatMap(([column, value]) =>
        value === undefined ? [] : [eb(column as never, "=", value as never)],
      ),
    );
}

/** Whether one of some columns has a text in it, whatever the case of letters A to Z; `undefined` is in all. */
export function containing(columns: readonly string[], text: string | undefined): () => Expression<SqlBool> {
  if (text === undefined) return () => sql<SqlBool>`true`;
  const pattern = `%${text.replaceAll(/[!%_]/g, "!$&")}%`;
  // SQLite knows the lower case of these letters alone; there, others are found as they are written.
  const each = columns.map((name) => {
    const column = sql.ref(name);
    return sql`lower(${column}) like ${pattern.toLowerCase()} escape '!' or ${column} like ${pattern} escape '!'`;
  });
  return () => sql<SqlBool>`(${sql.join(each, sql` or `)})`;
}
