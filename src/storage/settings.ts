import type { Kysely } from "kysely";
import { GatewayError } from "../errors/gateway-error.ts";
import type { RotatingSealer } from "../model/ports/sealer.ts";
import type { Settings } from "../model/ports/store.ts";
import type { Schema } from "./schema.ts";
import { SEALING_PURPOSE, sealingContext } from "./servers.ts";

export function settingStore(db: Kysely<Schema>, sealer: RotatingSealer): Settings {
  const row = (name: string) =>
    db.selectFrom("settings").selectAll().where("name", "=", name).executeTakeFirst();
  const opened = (name: string, sealedText: string): string => {
    const text = sealer.open(SEALING_PURPOSE, sealedText, sealingContext("settings", name, "value"));
    if (text !== undefined) return text;
    const cause = new Error(
      `setting ${name} was sealed with a master key that is not configured: add the one it was sealed with to MCP_GATEWAY_MASTER_KEY`,
    );
    throw new GatewayError("internal", {}, { cause });
  };
  return {
    find: async (name) => {
      const found = await row(name);
      return found?.isSealed ? opened(name, found.value) : found?.value;
    },
    put: async (name, value) => {
      const set = { value, isSealed: false, updatedAt: new Date() };
      await db
        .insertInto("settings")
        .values({ name, ...set })
        .onConflict((conflict) => conflict.column("name").doUpdateSet(set))
        .execute();
    },
    secret: async (name, create) => {
      const found = await row(name);
      if (found !== undefined) return opened(name, found.value);
      const value = sealer.seal(SEALING_PURPOSE, create(), sealingContext("settings", name, "value"));
      await db
        .insertInto("settings")
        .values({ name, value, isSealed: true, updatedAt: new Date() })
        .onConflict((conflict) => conflict.column("name").doNothing())
        .execute();
      // Whoever came first wins; everybody reads the same.
      const { value: stored } = await db
        .selectFrom("settings")
        .select("value")
        .where("name", "=", name)
        .executeTakeFirstOrThrow();
      return opened(name, stored);
    },
  };
}
