import { createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Settings } from "../config/settings.ts";
import type { VerifyReport } from "../journal/chain-check.ts";
import type { Run } from "./command.ts";
import { requireStore } from "./operation.ts";
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
  readonly store?: boolean;
  readonly json?: boolean;
}

export function define(command: Command, run: Run): void {
  withSettingsFlags(command.command("verify"))
    .description("find changed, removed, reordered or missing records, in the journal's files or the store")
    .option("--dir <path>", "the journal's directory (audit.journal.dir)")
    .option("--public-key <path>", "PEM file of the signing key's public half, kept apart from the journal")
    .option("--store", "verify what the store holds, which goes back further than the files")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
The files are read offline. They are kept for a day once the store has them; --store verifies all records since.
Both may run beside a running gateway.

Without --public-key the copy beside the journal is used, which whoever can change the journal can change too.
Exit code 0 when everything verifies, 1 when something is found.

Examples:
  mcp-gateway audit verify --public-key /secure/audit-public-key.pem
  DATABASE_URL=postgres://gateway@db/gateway mcp-gateway audit verify --store`,
    )
    .action(run(verify));
}

async function verify(flags: VerifyFlags): Promise<number> {
  if (flags.store && flags.dir !== undefined)
    throw new CommandError("--dir names files and --store reads none; say one of them", EXIT.usage);
  const publicKey = flags.publicKey === undefined ? undefined : readKey(flags.publicKey);
  const verifying = flags.store ? verifyRows(flags, publicKey) : verifyFiles(flags, publicKey);
  const report = await verifying.catch((error: unknown) => {
    throw error instanceof CommandError || !(error instanceof Error)
      ? error
      : new CommandError(error.message);
  });
  if (report.ok && report.chains.length === 0)
    throw new CommandError(
      "nothing is recorded there: a gateway that ever ran has a chain, so see whether the place is right",
    );
  if (flags.json) printJson(shown(report));
  else {
    for (const problem of report.problems)
      print(`${problem.kind}: chain ${problem.chainId}, record ${problem.sequence}: ${problem.detail}`);
    const more = report.problemCount - report.problems.length;
    if (more > 0) print(`… and ${more} more`);
    const parts = [counted(report.records, "record"), counted(report.chains.length, "chain")];
    const counts = `${parts.join(" in ")}, ${counted(report.checkpoints, "checkpoint")}`;
    const problems = counted(report.problemCount, "problem");
    print(report.ok ? `Verified: ${counts}.` : `Not verified: ${problems} in ${counts}.`);
    if (report.unproven > 0)
      print(`Not proven yet: ${counted(report.unproven, "record")} after the last checkpoint.`);
  }
  return report.ok ? EXIT.ok : EXIT.failure;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

async function verifyFiles(flags: VerifyFlags, publicKey: KeyObject | undefined): Promise<VerifyReport> {
  const dir = flags.dir === undefined ? (await configured(flags)).audit.journalDir : resolve(flags.dir);
  const { verifyJournal } = await import("../journal/verify.ts");
  return verifyJournal({ dir, ...(publicKey === undefined ? {} : { publicKey }) });
}

async function verifyRows(flags: VerifyFlags, given: KeyObject | undefined): Promise<VerifyReport> {
  const settings = await configured(flags);
  requireStore(settings);
  const { readPublicKey } = await import("../journal/signing-key.ts");
  const publicKey = given ?? readPublicKey(settings.audit.journalDir);
  if (publicKey === undefined)
    throw new CommandError(`no public key given, and none in ${settings.audit.journalDir}`);
  const { storedRecords, verifyStore } = await import("../journal/verify-store.ts");
  const { openOperatedStore } = await import("../server/operated-store.ts");
  const store = await openOperatedStore(settings, { migrates: false, usesSecrets: false, onlyReads: true });
  try {
    return await verifyStore({ records: [storedRecords(store.records)], publicKey });
  } finally {
    await store.close();
  }
}

async function configured(flags: VerifyFlags): Promise<Settings> {
  return (await readSettings(commandLoadOptions(flags))).settings;
}

function readKey(path: string): KeyObject {
  try {
    return createPublicKey(readFileSync(path));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`no public key in ${path} (${reason})`, EXIT.usage);
  }
}

/** The report as everything for machines is written: in snake_case. */
function shown({ chains, problems, problemCount, ...counts }: VerifyReport) {
  return {
    ...counts,
    problem_count: problemCount,
    chains: chains.map(({ chainId, firstSequence, lastSequence, closedInOrder, ...chain }) => ({
      chain_id: chainId,
      first_sequence: firstSequence,
      last_sequence: lastSequence,
      closed_in_order: closedInOrder,
      ...chain,
    })),
    problems: problems.map(({ chainId, ...problem }) => ({ chain_id: chainId, ...problem })),
  };
}
