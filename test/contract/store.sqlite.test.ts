import { afterAll, describe } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeContract } from "./store.contract.ts";

describe("store on SQLite", () => {
  const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-store-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  storeContract(() => Promise.resolve({ kind: "sqlite", path: join(folder, "gateway.db") }));
});
