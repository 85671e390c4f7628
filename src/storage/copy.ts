import { type Kysely, sql } from "kysely";
import { GatewayError } from "../errors/gateway-error.ts";
import type { CopyProgress } from "../model/ports/store.ts";
import type { CallColumns } from "./call-table.ts";
import type { Engine } from "./engine.ts";
import type { Schema } from "./schema.ts";

type Row = Record<string, unknown>;
/** The columns a batch is ordered by; together unique. */
interface Table {
  readonly name: string;
  readonly key: readonly string[];
  readonly times: readonly string[];
  readonly json?: readonly string[];
  readonly flags?: readonly string[];
}

const stamps = ["created_at", "updated_at"];
/**
 * In the order of their references. Leases, peers, processes that count limits, resets of what they counted and failed sign-ins are not
 * copied: nobody holds anything in the new store; nor are idempotency keys, which concern requests to this one. `test/contract` compares this list with the
 * tables the migrations make.
 */
export const copiedTables: readonly Table[] = [
  { name: "config_state", key: ["id"], times: [] },
  { name: "settings", key: ["name"], times: ["updated_at"], flags: ["is_sealed"] },
  { name: "organizations", key: ["id"], times: stamps, flags: ["is_active"] },
  { name: "namespaces", key: ["id"], times: stamps, json: ["metadata"] },
  {
    name: "users",
    key: ["id"],
    times: [...stamps, "last_login_at"],
    json: ["permissions"],
    flags: ["platform_admin", "is_active", "email_verified", "must_change_password"],
  },
  {
    name: "api_keys",
    key: ["id"],
    times: [...stamps, "expires_at", "last_used_at", "revoked_at"],
    json: ["permissions"],
    flags: ["platform_admin", "is_active"],
  },
  {
    name: "token_families",
    key: ["id"],
    times: ["created_at", "last_used_at", "expires_at", "revoked_at"],
  },
  { name: "signing_keys", key: ["id"], times: ["created_at", "retires_at"] },
  { name: "external_identities", key: ["id"], times: ["created_at"] },
  { name: "client_key_sets", key: ["api_key_id"], times: ["created_at"], json: ["jwks"] },
  { name: "used_assertions", key: ["id"], times: ["expires_at"] },
  {
    name: "mcp_servers",
    key: ["id"],
    times: stamps,
    json: ["args", "tags", "metadata", "settings"],
    flags: ["is_active"],
  },
  { name: "virtual_servers", key: ["id"], times: stamps, json: ["settings", "tools"], flags: ["is_active"] },
  { name: "health_checks", key: ["id"], times: ["checked_at"] },
  { name: "policies", key: ["id"], times: stamps, json: ["rules"], flags: ["is_active"] },
  { name: "claim_mappings", key: ["organization_id"], times: stamps, json: ["rules"] },
  { name: "routing_policies", key: ["id"], times: stamps, json: ["rules"], flags: ["is_active"] },
  {
    name: "rate_limits",
    key: ["id"],
    times: [...stamps, "reset_at"],
    json: ["filters"],
    flags: ["is_active"],
  },
  {
    name: "rate_limit_usage",
    key: ["rule_id", "period_start", "period", "subject"],
    times: ["period_start", "updated_at"],
  },
  {
    name: "mcp_sessions",
    key: ["id"],
    times: ["started_at", "last_activity_at", "ended_at"],
    json: ["subscriptions", "upstream_sessions"],
  },
  { name: "request_logs", key: [], times: ["started_at"] },
  {
    name: "request_contents",
    key: ["id", "started_at", "chain_id", "chain_seq"],
    times: ["started_at"],
  },
  { name: "audit_logs", key: ["chain_id", "chain_seq", "logged_at"], times: ["logged_at"] },
  { name: "audit_chains", key: ["chain_id"], times: ["updated_at"] },
  { name: "audit_checkpoints", key: ["chain_id", "chain_seq"], times: [] },
];

/** PostgreSQL takes 65,535 parameters a statement, and the widest table has 28 columns. */
const BATCH_ROWS = 500;

/**
 * Copies all rows, table by table, in one transaction of the target. The source should not be written meanwhile: what
 * comes after its table was copied stays behind.
 * @throws GatewayError `conflict` where the target holds an organisation or a record.
 */
export async function copyStore(
  source: Engine,
  target: Engine,
  onProgress: (progress: CopyProgress) => void = () => {},
): Promise<void> {
  // Plugins would change the names; rows travel as they are stored.
  const from = source.db.withoutPlugins();
  await target.db
    .withoutPlugins()
    .transaction()
    .execute(async (transaction) => {
      await target.lockMigrations(transaction as unknown as Kysely<Schema>);
      await refuseFilled(transaction as unknown as Kysely<never>);
      for (const table of copiedTables) {
        let rows = 0;
        const read =
          table.name === "request_logs"
            ? calls(source, target)
            : batches(from as unknown as Kysely<never>, table);
        for await (const batch of read) {
          await insert(transaction as unknown as Kysely<never>, table, batch);
          rows += batch.length;
          onProgress({ table: table.name, rows, tableDone: false });
        }
        onProgress({ table: table.name, rows, tableDone: true });
      }
    });
}

async function refuseFilled(target: Kysely<never>): Promise<void> {
  // Migrations make this row themselves.
  await sql`delete from config_state`.execute(target);
  for (const { name } of copiedTables) {
    const { rows } = await sql`select 1 from ${sql.id(name)} limit 1`.execute(target);
    if (rows.length > 0) {
      throw new GatewayError("conflict", { detail: `the target is not empty, its table ${name} has rows` });
    }
  }
}

async function* batches(from: Kysely<never>, { name, key, times }: Table): AsyncGenerator<Row[]> {
  const order = sql.join(key.map((column) => sql.id(column)));
  let last: Row | undefined;
  do {
    const bound: Row | undefined = last;
    const values = bound && key.map((column) => stored(bound[column], times.includes(column)));
    const after = values ? sql`where (${order}) > (${sql.join(values)})` : sql``;
    const { rows }: { rows: Row[] } =
      await sql<Row>`select * from ${sql.id(name)} ${after} order by ${order} limit ${sql.lit(BATCH_ROWS)}`.execute(
        from,
      );
    if (rows.length > 0) yield rows;
    last = rows.length === BATCH_ROWS ? rows.at(-1) : undefined;
  } while (last !== undefined);
}

/** Calls, which each dialect keeps in its own way. */
async function* calls({ db, calls: from }: Engine, { calls: to }: Engine): AsyncGenerator<Row[]> {
  const order = sql.join(from.key.map((column) => sql.ref(column)));
  let last: CallColumns | undefined;
  do {
    const bound: CallColumns | undefined = last;
    const values = bound && from.key.map((name) => stored(bound[name], name === "startedAt"));
    const rows = (await db
      .selectFrom("requestLogs")
      .select(from.columns)
      .$if(values !== undefined, (query) =>
        query.where(sql<boolean>`(${order}) > (${sql.join(values ?? [])})`),
      )
      .orderBy(order)
      .limit(BATCH_ROWS)
      .execute()) as CallColumns[];
    if (rows.length > 0) yield rows.map((row) => to.rowOf(from.entryOf(row)));
    last = rows.length === BATCH_ROWS ? rows.at(-1) : undefined;
  } while (last !== undefined);
}

function stored(value: unknown, isTime: boolean): unknown {
  return isTime && typeof value === "number" ? new Date(value) : value;
}

async function insert(into: Kysely<never>, table: Table, rows: readonly Row[]): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const names = Object.keys(first);
  const kinds = names.map((name) => ({
    isTime: table.times.includes(name),
    isJson: table.json?.includes(name) ?? false,
    isFlag: table.flags?.includes(name) ?? false,
  }));
  const tuples = rows.map((row) => {
    const values = names.map((name, index) => {
      const value = row[name];
      const kind = kinds[index];
      if (kind?.isJson && typeof value === "string") return JSON.parse(value) as unknown;
      if (kind?.isFlag) return value === true || value === 1;
      return stored(value, kind?.isTime ?? false);
    });
    return sql`(${sql.join(values.map((value) => sql.val(value)))})`;
  });
  await sql`insert into ${sql.id(table.name)} (${sql.join(names.map((name) => sql.id(name)))})
    values ${sql.join(tuples)}`.execute(into);
}
