/** A second process on a store's file: holds the write lock, or writes as fast as it can. For `store-sqlite.test.ts`. */
import { Database } from "bun:sqlite";

const [act, path = "", amount = ""] = process.argv.slice(2);
const database = new Database(path, { readwrite: true });
database.run("PRAGMA busy_timeout = 10000");
if (act === "hold") {
  database.run("BEGIN IMMEDIATE");
  console.log("held");
  await Bun.sleep(Number(amount));
  database.run("COMMIT");
} else {
  for (let n = 0; n < Number(amount); n++) {
    database.run("insert into settings (name, value, is_sealed, updated_at) values (?, 'x', 0, 0)", [
      `child-${n}`,
    ]);
  }
  console.log("written");
}
database.close();
