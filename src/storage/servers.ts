import type { Insertable, Kysely, Selectable, Transaction, Updateable } from "kysely";
import { GatewayError } from "../errors/gateway-error.ts";
import type { RotatingSealer } from "../model/ports/sealer.ts";
import type { NewServer, ServerChange, Servers } from "../model/ports/store.ts";
import type { SecretsChange, ServerRecord, ServerSecrets } from "../model/server-record.ts";
import { changeOf, configWrite } from "./config-version.ts";
import { stampAfter } from "./instant.ts";
import { checked, jsonMap, serverSecrets, textList } from "./json-column.ts";
import { containing, holding, type ListEngine, listedFrom } from "./list-filter.ts";
import { pageOf } from "./page.ts";
import type { Schema } from "./schema.ts";

type Row = Selectable<Schema["mcpServers"]>;
const sealedColumns = ["environment", "headers", "auth"] as const;

/** Bound to table, row and column: a sealed value copied elsewhere does not open there. */
export function sealingContext(table: string, id: string, column: string): string {
  return `${table}/${id}/${column}`;
}
export const SEALING_PURPOSE = "store";

export function serverStore(engine: ListEngine, sealer: RotatingSealer): Servers {
  const { db } = engine;
  const within = (organizationId: string, from: Kysely<Schema> = db) =>
    from.selectFrom("mcpServers").selectAll().where("organizationId", "=", organizationId);
  const find = async (organizationId: string, id: string, from: Kysely<Schema> = db) => {
    const row = await within(organizationId, from).where("id", "=", id).executeTakeFirst();
    return row && serverRecord(row, sealer);
  };
  return {
    create: async (server) => {
      const row = rowOf(server, sealer);
      await configWrite(db, server.organizationId, async (transaction) => {
        await checkRoom(transaction, server.organizationId);
        await transaction.insertInto("mcpServers").values(row).execute();
        return true;
      });
      const created = await within(server.organizationId)
        .where("id", "=", server.id)
        .executeTakeFirstOrThrow();
      return serverRecord(created, sealer);
    },
    find: (organizationId, id) => find(organizationId, id),
    list: async (organizationId, page, filter = {}) => {
      const { after, limit } = pageOf(page);
      const { search, ...values } = filter;
      const rows = await within(organizationId, listedFrom(engine, filter))
        .where("id", ">", after)
        .where(holding<"mcpServers">(values))
        .where(containing(["name"], search))
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map((row) => serverRecord(row, sealer));
    },
    count: async (organizationId) => {
      const { rowCount } = await db
        .selectFrom("mcpServers")
        .select(({ fn }) => fn.countAll<number>().as("rowCount"))
        .where("organizationId", "=", organizationId)
        .executeTakeFirstOrThrow();
      return rowCount;
    },
    update: async (organizationId, id, change) => {
      const isChanged = await configWrite(db, organizationId, async (transaction) => {
        const row = await find(organizationId, id, transaction);
        if (row === undefined) return false;
        const set = changesOf(id, changeOf(change, row), sealer);
        await transaction
          .updateTable("mcpServers")
          .set({ ...set, updatedAt: stampAfter(row.updatedAt) })
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
        return true;
      });
      return isChanged ? find(organizationId, id) : undefined;
    },
    remove: (organizationId, id, check) =>
      configWrite(db, organizationId, async (transaction) => {
        const row = await find(organizationId, id, transaction);
        if (row === undefined) return false;
        check?.(row);
        await transaction
          .deleteFrom("mcpServers")
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
        return true;
      }),
  };
}

/** Writes of an organisation queue (`configWrite`): the last free place is taken once, and the maximum is that of now. */
async function checkRoom(transaction: Transaction<Schema>, organizationId: string): Promise<void> {
  const organization = await transaction
    .selectFrom("organizations")
    .select("maxServers")
    .where("id", "=", organizationId)
    .executeTakeFirst();
  if (organization === undefined) throw new GatewayError("not_found");
  const { maxServers: max } = organization;
  const { rowCount } = await transaction
    .selectFrom("mcpServers")
    .select(({ fn }) => fn.countAll<number>().as("rowCount"))
    .where("organizationId", "=", organizationId)
    .executeTakeFirstOrThrow();
  if (Number(rowCount) >= max) throw new GatewayError("quota_exceeded", { what: "servers", max });
}

function rowOf(server: NewServer, sealer: RotatingSealer): Insertable<Schema["mcpServers"]> {
  const now = new Date();
  const { secrets, args, tags, metadata, settings, ...rest } = server;
  return {
    description: "",
    url: null,
    command: null,
    workingDir: null,
    version: null,
    status: "active",
    healthCheckUrl: null,
    timeoutSeconds: 300,
    maxRetries: 3,
    isActive: true,
    createdBy: null,
    ...rest,
    args: checked(textList, "args", args ?? []),
    tags: checked(textList, "tags", tags ?? []),
    metadata: checked(jsonMap, "metadata", metadata ?? {}),
    settings: checked(jsonMap, "settings", settings ?? {}),
    ...sealed(server.id, secrets ?? NO_SECRETS, sealer),
    createdAt: now,
    updatedAt: now,
  };
}

function changesOf(
  id: string,
  change: ServerChange,
  sealer: RotatingSealer,
): Updateable<Schema["mcpServers"]> {
  const { secrets, args, tags, metadata, settings, ...rest } = change;
  return {
    ...rest,
    ...(args && { args: checked(textList, "args", args) }),
    ...(tags && { tags: checked(textList, "tags", tags) }),
    ...(metadata && { metadata: checked(jsonMap, "metadata", metadata) }),
    ...(settings && { settings: checked(jsonMap, "settings", settings) }),
    ...(secrets === undefined ? {} : sealed(id, secrets ?? NO_SECRETS, sealer)),
  };
}

const NO_SECRETS: SecretsChange = { environment: null, headers: null, auth: null };

function sealed(
  id: string,
  given: SecretsChange,
  sealer: RotatingSealer,
): Partial<Pick<Row, (typeof sealedColumns)[number]>> {
  const values = Object.entries(given).filter(([, value]) => value !== undefined && value !== null);
  const secrets = checked(serverSecrets, "secrets", Object.fromEntries(values));
  const columns: { [C in (typeof sealedColumns)[number]]?: string | null } = {};
  for (const column of sealedColumns) {
    if (given[column] === undefined) continue;
    const value = secrets[column];
    const context = sealingContext("mcp_servers", id, column);
    columns[column] =
      value === undefined ? null : sealer.seal(SEALING_PURPOSE, JSON.stringify(value), context);
  }
  return columns;
}

export function serverRecord(row: Row, sealer: RotatingSealer): ServerRecord {
  const { environment, headers, auth, ...rest } = row;
  const stored = { environment, headers, auth };
  const opened: Record<string, unknown> = {};
  let secretsUnreadable = false;
  for (const column of sealedColumns) {
    const text = stored[column];
    if (text === null) continue;
    const open = sealer.open(SEALING_PURPOSE, text, sealingContext("mcp_servers", row.id, column));
    if (open === undefined) secretsUnreadable = true;
    else opened[column] = JSON.parse(open);
  }
  const hasSecrets = Object.keys(opened).length > 0;
  return { ...rest, secrets: hasSecrets ? (opened as ServerSecrets) : null, secretsUnreadable };
}
