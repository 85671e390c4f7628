import { Command, CommanderError } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import type { CommandModule, Run } from "./command.ts";
import { EXIT, reportFailure } from "./terminal.ts";

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

/** Only the module of the command that runs is loaded: `serve` starts in a fraction of a second. */
const commands: readonly CommandEntry[] = [
  { name: "serve", summary: "run the gateway", load: () => import("./serve.ts") },
  {
    name: "config",
    summary: "check, show and document the configuration",
    load: () => import("./config.ts"),
  },
  { name: "migrate", summary: "bring the store's schema up or down", load: () => import("./migrate.ts") },
  { name: "keys", summary: "create, list, revoke and rotate API keys", load: () => import("./keys.ts") },
  {
    name: "setup",
    summary: "set up administrators and keys, asking questions",
    load: () => import("./setup.ts"),
  },
  {
    name: "setup-admin",
    summary: "make an administrator who signs in with a password",
    load: () => import("./setup-admin.ts"),
  },
  {
    name: "setup-reset",
    summary: "give a user a new password",
    load: () => import("./setup-reset.ts"),
  },
  { name: "audit", summary: "verify the audit record", load: () => import("./audit.ts") },
  { name: "store", summary: "copy the store to another database", load: () => import("./store.ts") },
];

const epilogue = `
Exit codes: 0 success, 1 failure, 2 wrong usage or configuration.

Examples:
  mcp-gateway serve --config gateway.yaml
  mcp-gateway config validate --config gateway.yaml
  mcp-gateway keys create --name laptop --permission 'github:*'
  mcp-gateway audit verify`;

/** Runs the command line and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const run: Run =
    (action) =>
    async (...values) => {
      exitCode = await action(...values);
    };
  const program = new Command("mcp-gateway")
    .description("One endpoint in front of many Model Context Protocol servers.")
    .version(packageJson.version, "-V, --version")
    .showHelpAfterError("(--help shows the usage)")
    .addHelpText("after", epilogue)
    .exitOverride();
  const chosen = args.find((arg) => !arg.startsWith("-"));
  for (const entry of commands) {
    const command = program.command(entry.name).description(entry.summary);
    if (entry.name === chosen || (chosen === "help" && args.includes(entry.name)))
      (await entry.load()).define(command, run);
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    // Help and version end here too, with code 0; everything else commander throws is wrong usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportFailure(error);
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
