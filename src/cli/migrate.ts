import type { Command } from "commander";
import type { Settings } from "../config/settings.ts";
import type { MigrationState, OperatedStore } from "../model/ports/store.ts";
import type { Run } from "./command.ts";
import { refuseWhileRunning, requireStore } from "./operation.ts";
import {
  commandLoadOptions,
  readSettings,
  type SettingsFlags,
  withSettingsFlags,
} from "./settings-source.ts";
import { CommandError, EXIT, print, printJson, printTable } from "./terminal.ts";

interface MigrateFlags extends SettingsFlags {
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function define(command: Command, run: Run): void {
  command.addHelpText(
    "after",
    `
The embedded store migrates itself at the start of the gateway. PostgreSQL does so with MCP_GATEWAY_MIGRATE=auto only;
otherwise run "migrate up" before a new version starts.

Examples:
  DATABASE_URL=postgres://gateway@db/gateway mcp-gateway migrate up
  mcp-gateway migrate status --json`,
  );
  withSettingsFlags(command.command("up"))
    .description("apply what is pending, under a lock")
    .option("--json", "one JSON object")
    .action(run(up));
  withSettingsFlags(command.command("down"))
    .description("take back the newest migration; its data is lost")
    .option("--yes", "do it")
    .option("--json", "one JSON object")
    .action(run(down));
  withSettingsFlags(command.command("status"))
    .description("show which migrations are applied")
    .option("--json", "one JSON object")
    .action(run(status));
}

async function up(flags: MigrateFlags): Promise<number> {
  const applied = await withStore(flags, (store) => store.migrateUp());
  if (flags.json) printJson({ applied });
  else
    print(applied.length === 0 ? "Nothing is pending." : applied.map((name) => `applied ${name}`).join("\n"));
  return EXIT.ok;
}

async function down(flags: MigrateFlags): Promise<number> {
  if (flags.yes !== true)
    throw new CommandError("this deletes the data of the newest migration; confirm with --yes", EXIT.usage);
  const name = await withStore(flags, (store) => store.migrateDown(), requireStore);
  if (flags.json) printJson({ taken_back: name ?? null });
  else print(name === undefined ? "No migration is applied." : `took back ${name}`);
  return EXIT.ok;
}

async function status(flags: MigrateFlags): Promise<number> {
  const { settings } = await readSettings(commandLoadOptions(flags));
  requireStore(settings);
  const states = await onStore(settings, true, (store) => store.migrations());
  const items = states.map(({ name, appliedAt }) => ({ name, applied_at: timeOf(appliedAt) }));
  if (flags.json) printJson({ items, pending: items.filter((item) => item.applied_at === null).length });
  else
    printTable(
      ["MIGRATION", "APPLIED"],
      items.map((item) => [item.name, item.applied_at ?? "pending"]),
    );
  return EXIT.ok;
}

function timeOf(appliedAt: MigrationState["appliedAt"]): string | null {
  return appliedAt === null ? null : new Date(appliedAt).toISOString();
}

/** For what changes the store. */
async function withStore<T>(
  flags: MigrateFlags,
  act: (store: OperatedStore) => Promise<T>,
  check: (settings: Settings) => void = () => {},
): Promise<T> {
  const { settings } = await readSettings(commandLoadOptions(flags));
  check(settings);
  await refuseWhileRunning(settings);
  return onStore(settings, false, act);
}

async function onStore<T>(
  settings: Settings,
  onlyReads: boolean,
  act: (store: OperatedStore) => Promise<T>,
): Promise<T> {
  const { openOperatedStore } = await import("../server/operated-store.ts");
  const store = await openOperatedStore(settings, { migrates: false, usesSecrets: false, onlyReads });
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}
