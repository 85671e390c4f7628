import type { Command } from "commander";
import type { Run } from "./command.ts";
import { withOperation } from "./operation.ts";
import {
  commandLoadOptions,
  readSettings,
  type SettingsFlags,
  withSettingsFlags,
} from "./settings-source.ts";
import { showPassword } from "./setup.ts";
import { EXIT } from "./terminal.ts";

interface AdminFlags extends SettingsFlags {
  readonly username: string;
  readonly organization: string;
  readonly platformAdmin: boolean;
  readonly json?: boolean;
}

export function define(command: Command, run: Run): void {
  withSettingsFlags(command)
    .option("--username <name>", "what the administrator is called", "admin")
    .option("--organization <slug>", "the organisation it belongs to", "default")
    .option("--no-platform-admin", "rights over its own organisation alone")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Makes the account with a generated password, which is shown once and must be changed at the first sign-in.

Examples:
  mcp-gateway setup-admin --username ada
  PASSWORD=$(mcp-gateway setup-admin --json | jq -r .password)`,
    )
    .action(run(setUpAdministrator));
}

async function setUpAdministrator(flags: AdminFlags): Promise<number> {
  const { organization, username, platformAdmin } = flags;
  const { settings } = await readSettings(commandLoadOptions(flags));
  await withOperation(settings, async ({ administrators, place }) =>
    showPassword(await administrators.create({ organization, username, platformAdmin }), place, flags.json),
  );
  return EXIT.ok;
}
