import { afterAll, describe } from "bun:test";
import { postgresDatabase } from "../servers/postgres.ts";
import { storeContract } from "./store.contract.ts";

const database = await postgresDatabase();

if (database !== undefined) {
  describe("store on PostgreSQL", () => {
    afterAll(() => database.drop());
    storeContract(() =>
      Promise.resolve({
        kind: "postgres",
        url: database.url,
        poolMax: 4,
        connectTimeoutMs: 5_000,
        idleTimeoutMs: 30_000,
        statementTimeoutMs: 10_000,
      }),
    );
  });
}
