import type { Command } from "commander";
import { type Override, processEnvironment } from "../config/environment.ts";
import { type Loaded, type LoadOptions, loadSettings } from "../config/load.ts";
import { ConfigError } from "../config/problem.ts";

/** Flags that every command with a configuration has. */
export interface SettingsFlags {
  readonly config?: string;
  readonly dataDir?: string;
}

export function withSettingsFlags(command: Command): Command {
  return command
    .option("-c, --config <path>", "configuration file")
    .option("--data-dir <path>", "directory of everything the gateway writes");
}

/** A flag that stands for a setting of the file. */
export function flagOverride(name: string, key: string, value: unknown): readonly Override[] {
  return value === undefined ? [] : [{ key, value, source: { kind: "flag", name }, secret: false }];
}

/** How to read the configuration for a command that serves nothing itself. */
export function commandLoadOptions(flags: SettingsFlags): LoadOptions {
  return {
    configPath: flags.config,
    environment: processEnvironment(),
    flags: flagOverride("--data-dir", "data_dir", flags.dataDir),
    defaultMode: "production",
    purpose: "command",
    servesNobody: true,
    verbs,
  };
}

/** The routes of administration, loaded where a policy of the file names an act. */
export async function verbs(): Promise<Iterable<string>> {
  const [{ adminRoutes }, { verbsOf }] = await Promise.all([
    import("../admin/routes.ts"),
    import("../admin/verbs.ts"),
  ]);
  return verbsOf(adminRoutes).keys();
}

/** @throws ConfigError with every problem */
export async function readSettings(options: LoadOptions): Promise<Exclude<Loaded, { problems: unknown }>> {
  const loaded = await loadSettings(options);
  if ("problems" in loaded) throw new ConfigError(loaded.problems);
  return loaded;
}
