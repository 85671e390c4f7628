import type { Command } from "commander";
import type { Run } from "./command.ts";
import { refuseWhileRunning, requireStore } from "./operation.ts";
import {
  commandLoadOptions,
  readSettings,
  type SettingsFlags,
  withSettingsFlags,
} from "./settings-source.ts";
import { CommandError, EXIT, note, print, printJson } from "./terminal.ts";

interface CopyFlags extends SettingsFlags {
  readonly to: string;
  readonly json?: boolean;
}

export function define(command: Command, run: Run): void {
  withSettingsFlags(command.command("copy"))
    .description("copy everything into another, empty and migrated store")
    .requiredOption("--to <url>", "postgres:// or sqlite: URL of the store to fill")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Stop the gateway first, migrate the target, and keep the master key: secrets are copied sealed.

Example, from the embedded store to PostgreSQL:
  DATABASE_URL=postgres://gateway@db/gateway mcp-gateway migrate up
  mcp-gateway store copy --to postgres://gateway@db/gateway`,
    )
    .action(run(copy));
}

async function copy(flags: CopyFlags): Promise<number> {
  if (!/^(postgres(ql)?|sqlite):/.test(flags.to))
    throw new CommandError("--to needs a postgres:// or sqlite: URL", EXIT.usage);
  const { settings } = await readSettings(commandLoadOptions(flags));
  await refuseWhileRunning(settings);
  requireStore(settings);
  const { openOperatedStore } = await import("../server/operated-store.ts");
  const store = await openOperatedStore(settings);
  const rows: Record<string, number> = {};
  try {
    await store.copyTo(flags.to, (progress) => {
      rows[progress.table] = progress.rows;
      if (progress.tableDone && !flags.json) note(`${progress.table}: ${progress.rows} rows`);
    });
  } finally {
    await store.close();
  }
  if (flags.json) printJson({ tables: rows });
  else print("The copy is complete.");
  return EXIT.ok;
}
