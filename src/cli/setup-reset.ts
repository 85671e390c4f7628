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

interface ResetFlags extends SettingsFlags {
  readonly username: string;
  readonly organization: string;
  readonly json?: boolean;
}

export function define(command: Command, run: Run): void {
  withSettingsFlags(command)
    .option("--username <name>", "whose password", "admin")
    .option("--organization <slug>", "the organisation it belongs to", "default")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Gives the user a new generated password, shown once, makes the account active again and ends its sign-ins.`,
    )
    .action(run(resetPassword));
}

async function resetPassword(flags: ResetFlags): Promise<number> {
  const { organization, username } = flags;
  const { settings } = await readSettings(commandLoadOptions(flags));
  await withOperation(
    settings,
    async ({ administrators, place }) =>
      showPassword(await administrators.reset({ organization, username }), place, flags.json),
    "needs a store",
  );
  return EXIT.ok;
}
