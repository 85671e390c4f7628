import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { GatewayError } from "../../errors/gateway-error.ts";
import { faultOf, isUnavailable } from "./fault.ts";

/** Longest wait for the holder before: a command about to end, or a gateway being replaced. */
const WAIT_MS = 2_000;

/**
 * Keeps a store's file to this process, until the returned act or the process's end, however it comes: the lock is the
 * system's. It stands on a file beside the store's, so that readers such as a backup are not kept out.
 * @throws GatewayError `conflict` where another process holds it, after 2 s
 */
export function holdSqlite(path: string): () => void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let lock: Database | undefined;
  try {
    lock = new Database(`${path}.lock`, { create: true });
    lock.run(`PRAGMA busy_timeout = ${WAIT_MS}`);
    lock.run("BEGIN EXCLUSIVE");
  } catch (thrown) {
    lock?.close();
    if (lock === undefined || !isUnavailable(thrown)) throw faultOf(thrown);
    const detail = `another gateway, or a command, is using ${path}; stop it first`;
    throw new GatewayError("conflict", { detail }, { cause: thrown });
  }
  return () => lock.close();
}
