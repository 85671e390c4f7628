import type { Command } from "commander";
import { type LoadOptions, loadSettings } from "../config/load.ts";
import { formatProblem, formatProblems } from "../config/problem.ts";
import type { Run } from "./command.ts";
import {
  commandLoadOptions,
  readSettings,
  type SettingsFlags,
  withSettingsFlags,
} from "./settings-source.ts";
import { EXIT, note, print, printJson } from "./terminal.ts";

interface ConfigFlags extends SettingsFlags {
  readonly json?: boolean;
  readonly forServe?: boolean;
}

export function define(command: Command, run: Run): void {
  withSettingsFlags(command.command("validate"))
    .description("check file and environment as `serve` would, and report every mistake")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExit code 2 when there are problems.\n\nExample:\n  mcp-gateway config validate --config gateway.yaml",
    )
    .action(run(validate));
  withSettingsFlags(command.command("print"))
    .description("show the settings in force, secrets masked, as YAML")
    .option("--json", "JSON instead of YAML")
    .action(run(show));
  command
    .command("docs")
    .description("print the configuration reference (docs/configuration.md)")
    .action(run(docs));
}

/** What is shown is the whole, as `serve` would take it. */
function shownAsServed(flags: ConfigFlags): LoadOptions {
  return { ...commandLoadOptions(flags), servesNobody: false };
}

async function validate(flags: ConfigFlags): Promise<number> {
  const loaded = await loadSettings({ ...shownAsServed(flags), purpose: "serve" });
  const problems = "problems" in loaded ? loaded.problems : [];
  const notes = "problems" in loaded ? [] : loaded.notes;
  if (flags.json) {
    const texts = problems.map((problem) => ({ ...problem, text: formatProblem(problem) }));
    printJson({ valid: problems.length === 0, problems: texts, notes });
  } else if (problems.length > 0) note(formatProblems(problems));
  else {
    for (const text of notes) note(`note: ${text}`);
    print("The configuration is valid.");
  }
  return problems.length === 0 ? EXIT.ok : EXIT.usage;
}

async function show(flags: ConfigFlags): Promise<number> {
  const { file, origins, settings } = await readSettings(shownAsServed(flags));
  const { printable } = await import("../config/print.ts");
  const values = printable(file, origins);
  if (flags.json) {
    printJson(values);
    return EXIT.ok;
  }
  const { stringify } = await import("yaml");
  print(`# ${settings.mode}, ${settings.configPath ?? "no configuration file"}`);
  print(stringify(values).trimEnd());
  return EXIT.ok;
}

async function docs(): Promise<number> {
  const { configurationReference } = await import("../config/reference.ts");
  print(configurationReference().trimEnd());
  return EXIT.ok;
}
