import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { GatewayError } from "../errors/gateway-error.ts";

/** Makes the data directory, for its owner alone. */
export function openDataDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const detail = `the data directory ${dir} cannot be made (${code}); choose another with --data-dir, MCP_GATEWAY_DATA_DIR or data_dir`;
    throw new GatewayError("conflict", { detail }, { cause });
  }
}

/** Development's master key: read, or made and kept with mode 0600. */
export function generatedMasterKey(path: string): string {
  if (existsSync(path)) return readFileSync(path, "utf8").trim();
  const key = randomBytes(32).toString("base64");
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, `${key}\n`, { mode: 0o600, flag: "wx" });
    return key;
  } catch (cause) {
    // Another process was faster.
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return readFileSync(path, "utf8").trim();
    throw cause;
  }
}

/** The folder the demonstration's file server shows. */
export function sampleFolder(dataDir: string): string {
  const dir = join(dataDir, "sample");
  if (!existsSync(dir)) {
    mkdirSync(dir, { recursive: true });
    writeFileSync(
      join(dir, "welcome.md"),
      "# Welcome\n\nThis file was read through the gateway, by a tool of the server `files`.\n",
    );
    writeFileSync(join(dir, "shopping.txt"), "apples\nbread\ncoffee\n");
  }
  return dir;
}
