import type {
  KyselyPlugin,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  QueryResult,
  RootOperationNode,
  UnknownRow,
} from "kysely";

/**
 * Columns whose stored form differs from what the queries see: SQLite keeps JSON as text and flags as 0 and 1,
 * PostgreSQL gives 64-bit integers as text. A name means the same in every table.
 */
const kinds: Readonly<Record<string, "json" | "flag" | "number">> = {
  metadata: "json",
  permissions: "json",
  args: "json",
  tags: "json",
  jwks: "json",
  settings: "json",
  filters: "json",
  rules: "json",
  subscriptions: "json",
  upstreamSessions: "json",
  isActive: "flag",
  isSealed: "flag",
  organizationIsActive: "flag",
  platformAdmin: "flag",
  emailVerified: "flag",
  mustChangePassword: "flag",
  configVersion: "number",
  credentialVersion: "number",
  generation: "number",
  resultBytes: "number",
  textBytes: "number",
  chainSeq: "number",
  endChainSeq: "number",
  headSeq: "number",
  signedSeq: "number",
  rowCount: "number",
  admitted: "number",
  refused: "number",
};

function decode(kind: "json" | "flag" | "number", value: unknown): unknown {
  if (value === null) return null;
  if (kind === "flag") return value === true || value === 1;
  if (kind === "number") return Number(value);
  return typeof value === "string" ? JSON.parse(value) : value;
}

/** Gives rows the same shape on both dialects. Runs after the names were made camel case. */
export class ColumnDecoder implements KyselyPlugin {
  transformQuery(args: PluginTransformQueryArgs): RootOperationNode {
    return args.node;
  }
  transformResult(args: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    for (const row of args.result.rows) {
      for (const name in row) {
        const kind = kinds[name];
        if (kind !== undefined) row[name] = decode(kind, row[name]);
      }
    }
    return Promise.resolve(args.result);
  }
}
