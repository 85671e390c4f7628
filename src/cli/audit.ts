import { createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Run } from "./command.ts";
import {
  commandLoadOptions,
  readSettings,
  type SettingsFlags,
  withSettingsFlags,
} from "./settings-source.ts";
import { CommandError, EXIT, print, printJson } from "./terminal.ts";

interface VerifyFlags extends SettingsFlags {
  readonly dir?: string;
  readonly publicKey?: string;
  readonly json?: boolean;
}

export function define(command: Command, run: Run): void {
  withSettingsFlags(command.command("verify"))
    .description("find changed, removed, reordered or missing records in the journal's files, offline")
    .option("--dir <path>", "the journal's directory (audit.journal.dir)")
    .option("--public-key <path>", "PEM file of the signing key's public half, kept apart from the journal")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Without --public-key the copy beside the journal is used, which whoever can change the journal can change too.
Exit code 0 when everything verifies, 1 when something is found.

Example:
  mcp-gateway audit verify --public-key /secure/audit-public-key.pem`,
    )
    .action(run(verify));
}

async function verify(flags: VerifyFlags): Promise<number> {
  const dir = flags.dir === undefined ? await configuredDir(flags) : resolve(flags.dir);
  const publicKey = flags.publicKey === undefined ? undefined : readKey(flags.publicKey);
  const { verifyJournal } = await import("../journal/verify.ts");
  const report = await verifyJournal({ dir, ...(publicKey === undefined ? {} : { publicKey }) }).catch(
    (error: unknown) => {
      throw new CommandError(error instanceof Error ? error.message : String(error));
    },
  );
  if (flags.json) printJson(report);
  else {
    for (const problem of report.problems)
      print(`${problem.kind}: chain ${problem.chainId}, record ${problem.sequence}: ${problem.detail}`);
    const more = report.problemCount - report.problems.length;
    if (more > 0) print(`… and ${more} more`);
    const counts = `${report.records} records in ${report.chains.length} chains, ${report.checkpoints} checkpoints`;
    print(report.ok ? `Verified: ${counts}.` : `Not verified: ${report.problemCount} problems in ${counts}.`);
    if (report.unproven > 0)
      print(`${report.unproven} records after the last checkpoint are not proven yet.`);
  }
  return report.ok ? EXIT.ok : EXIT.failure;
}

async function configuredDir(flags: VerifyFlags): Promise<string> {
  return (await readSettings(commandLoadOptions(flags))).settings.audit.journalDir;
}

function readKey(path: string): KeyObject {
  try {
    return createPublicKey(readFileSync(path));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`no public key in ${path} (${reason})`, EXIT.usage);
  }
}
