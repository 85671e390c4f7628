import { GatewayError } from "../../errors/gateway-error.ts";
import { alreadyExists } from "../unique-fault.ts";

/** The store did not answer in time, or the pool cannot serve. */
export class PostgresUnavailable extends Error {
  override readonly name = "PostgresUnavailable";
}

/**
 * Connection failures, resources, shutdowns, cancelled and timed-out statements, lost serialisation races: the same
 * statement may work later (PostgreSQL appendix A).
 */
const unavailableStates = /^(08|53|57|58|40|25006|55P03|XX)/;

/** SQLSTATE of a server's error; `undefined` for a failure of the connection. */
function stateOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { errno } = thrown as { errno?: unknown };
  return typeof errno === "string" ? errno : undefined;
}

/** The server refused the statement itself; the connection goes on working. */
export function isAnswer(thrown: unknown): boolean {
  const state = stateOf(thrown);
  return state !== undefined && !/^(08|57P)/.test(state);
}

export function isUnavailable(thrown: unknown): boolean {
  const state = stateOf(thrown);
  return state === undefined ? thrown instanceof Error && !isBug(thrown) : unavailableStates.test(state);
}

function isBug(thrown: Error): boolean {
  return thrown instanceof TypeError || thrown instanceof RangeError || thrown instanceof SyntaxError;
}

/** PostgreSQL names a constraint `<table>_<columns>_key` or `<table>_pkey`; its texts are in the server's language. */
function uniqueColumn({ constraint }: { readonly constraint?: unknown }): string {
  const name = String(constraint);
  if (name.endsWith("_pkey")) return "id";
  return /_(username_lower|email_lower|slug|name)_key$/.exec(name)?.[1] ?? name;
}

export function faultOf(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const state = stateOf(thrown);
  if (state === "23505") return alreadyExists(uniqueColumn(thrown as { constraint?: unknown }), thrown);
  if (state === "23503") return new GatewayError("reference_missing", {}, { cause: thrown });
  if (state?.startsWith("22")) {
    return new GatewayError("invalid_params", { detail: "a value cannot be stored" }, { cause: thrown });
  }
  return new GatewayError(isUnavailable(thrown) ? "store_unavailable" : "internal", {}, { cause: thrown });
}
