import { type Command, InvalidArgumentError, Option } from "commander";
import type { IssuedKey, KeyAdministration, KeySummary } from "../admin/api-keys/key-administration.ts";
import { parseDuration } from "../config/units.ts";
import type { ApiKeyType } from "../model/api-key.ts";
import type { Role } from "../model/principal.ts";
import type { Run } from "./command.ts";
import { type Beginning, withOperation } from "./operation.ts";
import {
  commandLoadOptions,
  readSettings,
  type SettingsFlags,
  withSettingsFlags,
} from "./settings-source.ts";
import { CommandError, EXIT, note, print, printJson, printTable } from "./terminal.ts";

interface KeyFlags extends SettingsFlags {
  readonly organization: string;
  readonly json?: boolean;
}
interface CreateFlags extends KeyFlags {
  readonly name: string;
  readonly type: ApiKeyType;
  readonly role: Role;
  readonly permission: readonly string[];
  readonly namespace?: string;
  readonly platformAdmin?: boolean;
  readonly expires?: number;
}

export function define(command: Command, run: Run): void {
  keyCommand(command, "create", "make a key and show it once")
    .requiredOption("--name <name>", "what the key is for")
    .addOption(
      new Option("--type <type>", "user, or a2a for an application").choices(["user", "a2a"]).default("user"),
    )
    .addOption(
      new Option("--role <role>", "what it may do at all")
        .choices(["admin", "user", "viewer", "api_user"])
        .default("user"),
    )
    .option("--permission <pattern>", "server:tool it may reach, repeatable; globs allowed", collect, [])
    .option("--namespace <slug>", "bind it to one namespace")
    .option("--platform-admin", "rights over every organisation")
    .option("--expires <duration>", "how long it is valid, such as 30d", lifetime)
    .addHelpText(
      "after",
      `
A key of role user without --permission reaches nothing; role admin reaches everything of its organisation.

Examples:
  mcp-gateway keys create --name laptop --permission 'github:*' --permission 'files:read_*'
  KEY=$(mcp-gateway keys create --name ci --type a2a --expires 30d --json | jq -r .key)`,
    )
    .action(run(create));
  command
    .command("generate")
    .description("print a new key without storing it, for MCP_GATEWAY_BOOTSTRAP_KEY")
    .action(run(generate));
  keyCommand(command, "list", "show all keys of an organisation").action(run(list));
  keyCommand(command, "revoke <key>", "end a key, by id or prefix; takes effect within seconds").action(
    run(revoke),
  );
  keyCommand(command, "rotate [key]", "replace a key, or seal everything with the new master key")
    .option("--master", "seal all stored secrets again with the first master key")
    .addHelpText(
      "after",
      `
  keys rotate <id or prefix>  makes a new key with the same rights and revokes the old one
  keys rotate --master        after putting a new key first in MCP_GATEWAY_MASTER_KEY: seals everything with it,
                              so that the old master key can be removed`,
    )
    .action(run(rotate));
}

function keyCommand(parent: Command, usage: string, summary: string): Command {
  return withSettingsFlags(parent.command(usage))
    .description(summary)
    .option("--organization <slug>", "the organisation it belongs to", "default")
    .option("--json", "one JSON object");
}

async function create(flags: CreateFlags): Promise<number> {
  return withKeys(flags, "makes the store", async (keys, place) => {
    const issued = await keys.create({
      name: flags.name,
      type: flags.type,
      role: flags.role,
      permissions: flags.permission,
      organization: flags.organization,
      namespace: flags.namespace,
      platformAdmin: flags.platformAdmin === true,
      lifetimeMs: flags.expires,
    });
    const reachesAll = flags.role === "admin" || flags.platformAdmin === true;
    if (flags.permission.length === 0 && !reachesAll)
      note("note: the key has no permissions and reaches nothing; see --permission.");
    showIssued(issued, place, flags);
  });
}

async function generate(): Promise<number> {
  const { newCredential } = await import("../auth/api-key/credential.ts");
  print(newCredential());
  return EXIT.ok;
}

async function list(flags: KeyFlags): Promise<number> {
  return withKeys(flags, "needs a store", async (keys) => {
    const items = await keys.list(flags.organization);
    if (flags.json) printJson({ items });
    else
      printTable(
        ["ID", "NAME", "PREFIX", "TYPE", "ROLE", "NAMESPACE", "STATUS", "EXPIRES", "LAST USED"],
        items.map((key) => [
          key.id,
          key.name,
          key.prefix,
          key.type,
          key.platform_admin ? `${key.role}, platform` : key.role,
          key.namespace ?? "-",
          key.status,
          key.expires_at ?? "never",
          key.last_used_at ?? "never",
        ]),
      );
  });
}

async function revoke(idOrPrefix: string, flags: KeyFlags): Promise<number> {
  return withKeys(flags, "needs a store", async (keys) => {
    const key = await keys.revoke(flags.organization, idOrPrefix);
    if (flags.json) printJson(key);
    else print(`Revoked ${described(key)}.`);
  });
}

async function rotate(
  idOrPrefix: string | undefined,
  flags: KeyFlags & { readonly master?: boolean },
): Promise<number> {
  if ((idOrPrefix === undefined) === (flags.master !== true))
    throw new CommandError("give a key to replace, or --master, and not both", EXIT.usage);
  if (idOrPrefix !== undefined) {
    return withKeys(flags, "needs a store", async (keys, place) =>
      showIssued(await keys.rotate(flags.organization, idOrPrefix), place, flags),
    );
  }
  const { settings } = await readSettings(commandLoadOptions(flags));
  const report = await withOperation(settings, (operation) => operation.reseal(), "needs a store");
  if (flags.json) printJson(report);
  else print(`Sealed ${report.resealed} values with the first master key.`);
  if (report.unreadable === 0) return EXIT.ok;
  note(
    `error: ${report.unreadable} values open with none of the configured master keys and were left as they are.`,
  );
  return EXIT.failure;
}

async function withKeys(
  flags: KeyFlags,
  beginning: Beginning,
  act: (keys: KeyAdministration, place: string) => Promise<void>,
): Promise<number> {
  const { settings } = await readSettings(commandLoadOptions(flags));
  await withOperation(settings, ({ keys, place }) => act(keys, place), beginning);
  return EXIT.ok;
}

function showIssued(issued: IssuedKey, place: string, flags: KeyFlags): void {
  if (flags.json) return printJson(issued);
  note(`Made ${described(issued)} in ${place}. It is shown this once:`);
  print(issued.key);
}

function described(key: KeySummary): string {
  return `key "${key.name}" (${key.id})`;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function lifetime(value: string): number {
  const ms = parseDuration(value);
  if (ms === undefined || ms === 0)
    throw new InvalidArgumentError('Write a duration such as "30d" or "12h".');
  return ms;
}
