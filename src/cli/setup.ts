import type { Command } from "commander";
import type { IssuedPassword } from "../admin/users/administrator.ts";
import type { Run } from "./command.ts";
import { withOperation } from "./operation.ts";
import {
  commandLoadOptions,
  readSettings,
  type SettingsFlags,
  withSettingsFlags,
} from "./settings-source.ts";
import { CommandError, EXIT, note, print } from "./terminal.ts";

/** The menu; each entry is a command of its own too, for scripts. */
export function define(command: Command, run: Run): void {
  withSettingsFlags(command)
    .addHelpText(
      "after",
      `
Needs a terminal. In scripts: mcp-gateway setup-admin, setup-reset, keys create.`,
    )
    .action(run(setup));
}

async function setup(flags: SettingsFlags): Promise<number> {
  if (process.stdin.isTTY !== true) {
    throw new CommandError(
      "setup asks questions and needs a terminal; in scripts use setup-admin, setup-reset and keys create",
      EXIT.usage,
    );
  }
  const { cancel, intro, isCancel, outro, select, text } = await import("@clack/prompts");
  const { settings } = await readSettings(commandLoadOptions(flags));
  intro("MCP Gateway");
  const act = await select({
    message: "What is to be set up?",
    options: [
      { value: "admin", label: "An administrator who signs in with a password" },
      { value: "reset", label: "A new password for one who cannot sign in" },
      { value: "key", label: "An API key for a client" },
    ],
  });
  if (isCancel(act)) return cancelled(cancel);
  const name = await text({
    message: act === "key" ? "What is the key for?" : "User name",
    placeholder: act === "key" ? "laptop" : "admin",
    validate: (value) => ((value ?? "").trim() === "" ? "A name is needed" : undefined),
  });
  if (isCancel(name)) return cancelled(cancel);
  const pattern =
    act === "key"
      ? await text({ message: "What may it reach? (server:tool, * for everything)", initialValue: "*" })
      : "";
  if (isCancel(pattern)) return cancelled(cancel);
  await withOperation(settings, async ({ administrators, keys, place }) => {
    const organization = "default";
    if (act === "key") {
      const request = { name, type: "user", role: "user", permissions: [pattern] } as const;
      const issued = await keys.create({
        ...request,
        organization,
        namespace: undefined,
        platformAdmin: false,
        lifetimeMs: undefined,
      });
      outro(`In ${place}. Shown this once: ${issued.key}`);
      return;
    }
    const issued =
      act === "admin"
        ? await administrators.create({ organization, username: name, platformAdmin: true })
        : await administrators.reset({ organization, username: name });
    outro(`In ${place}. Password of ${issued.username}, shown this once: ${issued.password}`);
  });
  return EXIT.ok;
}

function cancelled(cancel: (message: string) => void): number {
  cancel("Nothing was changed.");
  return EXIT.failure;
}

/** For people and scripts alike: the password goes to standard output alone. @param place whose data it is */
export function showPassword(issued: IssuedPassword, place: string, asJson: boolean | undefined): void {
  if (asJson === true) {
    print(JSON.stringify(issued, null, 2));
    return;
  }
  note(`User ${issued.username} of organisation ${issued.organization}, in ${place}.`);
  note("Sign in at POST /auth/login, and change the password at POST /auth/password before anything else.");
  note("The password is shown this once:");
  print(issued.password);
}
