import { GatewayError } from "../../errors/gateway-error.ts";
import { alreadyExists } from "../unique-fault.ts";

/** A failure of SQLite with its extended code, from any thread. */
export class SqliteFailure extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "SqliteFailure";
    this.code = code;
  }
}

const unavailable = /^SQLITE_(BUSY|LOCKED|IOERR|FULL|CANTOPEN|READONLY|NOMEM|PROTOCOL|THREAD)/;

export function isUnavailable(thrown: unknown): boolean {
  return unavailable.test(codeOf(thrown));
}

export function faultOf(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const code = codeOf(thrown);
  if (unavailable.test(code)) return new GatewayError("store_unavailable", {}, { cause: thrown });
  if (code === "SQLITE_CONSTRAINT_UNIQUE" || code === "SQLITE_CONSTRAINT_PRIMARYKEY") {
    return alreadyExists(uniqueColumn(thrown), thrown);
  }
  if (code === "SQLITE_CONSTRAINT_FOREIGNKEY") {
    return new GatewayError("reference_missing", {}, { cause: thrown });
  }
  return new GatewayError("internal", {}, { cause: thrown });
}

/** `UNIQUE constraint failed: users.organization_id, users.username_lower` */
function uniqueColumn(thrown: unknown): string {
  return /\.(\w+)$/.exec((thrown as Error).message)?.[1] ?? "";
}

function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error ? (thrown as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "";
}
