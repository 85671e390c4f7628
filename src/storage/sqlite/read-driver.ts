import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from "kysely";
import { bindable } from "./driver.ts";
import { faultOf } from "./fault.ts";
import type { SqliteReader } from "./reader.ts";

const readsAlone = (): Promise<never> => Promise.reject(new Error("this connection reads alone"));

/** Kysely's driver over a `SqliteReader`: every query is a SELECT of its own. */
export class SqliteReadDriver implements Driver {
  readonly #connection: DatabaseConnection;

  constructor(reader: SqliteReader) {
    this.#connection = {
      executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
        try {
          return { rows: (await reader.read(sql, parameters.map(bindable))) as R[] };
        } catch (failure) {
          throw faultOf(failure);
        }
      },
      streamQuery: () => {
        throw new Error("rows are read in pages here, not streamed");
      },
    };
  }
  init(): Promise<void> {
    return Promise.resolve();
  }
  acquireConnection(): Promise<DatabaseConnection> {
    return Promise.resolve(this.#connection);
  }
  readonly beginTransaction = readsAlone;
  readonly commitTransaction = readsAlone;
  readonly rollbackTransaction = readsAlone;
  releaseConnection(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    return Promise.resolve();
  }
}
