import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { governsActs } from "../model/policy.ts";
import { errorCode, type Override, readEnvironment } from "./environment.ts";
import { problemsOf } from "./issues.ts";
import { overlay, withoutIncomplete, withoutServing } from "./layers.ts";
import { splitMasterKeys } from "./master-key.ts";
import type { Origins } from "./origins.ts";
import type { ConfigDocument } from "./place.ts";
import { checkPolicies } from "./policy-rules.ts";
import { type ConfigProblem, type ConfigSource, nearest } from "./problem.ts";
import { checkRules } from "./rules.ts";
import { type FileSettings, fileSchema } from "./schema.ts";
import type { Mode, Settings } from "./settings.ts";
import type { Environment } from "./substitution.ts";
import { toSettings } from "./to-settings.ts";
import { unknownVariables } from "./unknown-variables.ts";

/** Read where no other file is named. */
export const DEFAULT_CONFIG_NAME = "mcp-gateway.yaml";
const FILE_BYTES_MAX = 8 * 1024 * 1024;

export interface LoadOptions {
  /** `--config`. */
  readonly configPath?: string | undefined;
  readonly environment: Environment;
  /** Values of flags by the key of the file they stand for. */
  readonly flags?: readonly Override[];
  /** Where `MCP_GATEWAY_ENV` says nothing. */
  readonly defaultMode: Mode;
  /** `serve` holds the rules of production; other commands only read, and find the generated key too. */
  readonly purpose: "serve" | "command";
  /** Sections that lack a variable are left out where a command that acts on the gateway's data alone has no use for them. */
  readonly servesNobody?: boolean;
  readonly workingDir?: string;
  /** Acts of administration that policies may name; asked for where one of the file does. */
  readonly verbs: () => Promise<Iterable<string>>;
}

/** A configuration that was read, or everything that is wrong with it. */
export type Loaded =
  | {
      readonly settings: Settings;
      readonly notes: readonly string[];
      /** For showing: the values in the file's own spelling, and where each came from. */
      readonly file: FileSettings;
      readonly origins: Origins;
    }
  | { readonly problems: readonly ConfigProblem[] };

/** File, then environment, then flags, then the rules over all of them. Nothing is thrown, and every mistake reported. */
export async function loadSettings(options: LoadOptions): Promise<Loaded> {
  const workingDir = options.workingDir ?? process.cwd();
  const problems: ConfigProblem[] = [];
  const mode = readMode(options, problems);
  const configPath = findConfig(options, workingDir);
  const document = configPath === undefined ? undefined : await readConfig(configPath, options, problems);
  const reading = readEnvironment(options.environment);
  problems.push(...reading.problems);
  problems.push(...unknownVariables(options.environment, document?.variables ?? new Set()));
  const overrides = [...reading.overrides, ...(options.flags ?? [])];
  const origins: Origins = { document, overrides };
  const { tree, forgiven } =
    options.servesNobody === true ? withoutServing(document) : withoutIncomplete(document);
  problems.push(...(document?.problems ?? []).filter((problem) => !forgiven.has(problem)));
  const parsed = fileSchema.safeParse(overlay(tree, overrides));
  if (!parsed.success) problems.push(...problemsOf(parsed.error.issues, fileSchema, origins));
  if (!parsed.success || problems.length > 0) return { problems: inOrder(problems) };
  const context = { mode, configPath, workingDir, generatedKey: undefined as readonly string[] | undefined };
  const dataDir = resolve(workingDir, parsed.data.data_dir);
  if (parsed.data.master_key === undefined && (mode !== "production" || options.purpose === "command")) {
    context.generatedKey = readGeneratedKey(join(dataDir, "master.key"), problems);
  }
  const settings = toSettings(parsed.data, context);
  const notes = [...reading.notes];
  problems.push(...checkRules(settings, parsed.data, options.purpose, origins, notes));
  const { rules } = parsed.data.policies;
  const verbs = rules.some(governsActs) ? await options.verbs() : [];
  problems.push(...checkPolicies(rules, [...verbs], origins));
  if (problems.length > 0) return { problems: inOrder(problems) };
  return { settings, notes, file: parsed.data, origins };
}

function readMode(options: LoadOptions, problems: ConfigProblem[]): Mode {
  const named = options.environment["MCP_GATEWAY_ENV"];
  if (named === undefined || named === "") return options.defaultMode;
  const modes: readonly Mode[] = ["development", "production", "test"];
  const mode = modes.find((candidate) => candidate === named);
  if (mode !== undefined) return mode;
  const near = nearest(named, modes) ?? modes.find((candidate) => candidate.startsWith(named));
  problems.push({
    source: { kind: "environment", name: "MCP_GATEWAY_ENV" },
    key: "",
    found: JSON.stringify(named),
    expected: "one of development, production, test",
    fix: near === undefined ? "" : `did you mean "${near}"?`,
  });
  return "production";
}

function findConfig(options: LoadOptions, workingDir: string): string | undefined {
  const named = options.configPath ?? options.environment["MCP_GATEWAY_CONFIG"];
  if (named !== undefined && named !== "") return resolve(workingDir, named);
  const standard = resolve(workingDir, DEFAULT_CONFIG_NAME);
  return existsSync(standard) ? standard : undefined;
}

async function readConfig(
  path: string,
  options: LoadOptions,
  problems: ConfigProblem[],
): Promise<ConfigDocument | undefined> {
  const named =
    options.configPath !== undefined
      ? ({ kind: "flag", name: "--config" } as const)
      : ({ kind: "environment", name: "MCP_GATEWAY_CONFIG" } as const);
  const refuse = (source: ConfigSource, found: string, expected: string) => {
    problems.push({ source, key: "", found, expected, fix: "" });
    return undefined;
  };
  let text: string;
  try {
    if (statSync(path).size > FILE_BYTES_MAX)
      return refuse(named, `${path}, a file of over 8 MiB`, "a smaller file");
    text = readFileSync(path, "utf8");
  } catch (error) {
    return refuse(
      named,
      `${path}, which cannot be read (${errorCode(error)})`,
      "a readable configuration file",
    );
  }
  // Loaded here so that a start without a file does not pay for the parser.
  const { readDocument } = await import("./document.ts");
  return readDocument(text, path, options.environment);
}

function readGeneratedKey(path: string, problems: ConfigProblem[]): readonly string[] | undefined {
  try {
    return splitMasterKeys(readFileSync(path, "utf8"));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    problems.push({
      source: { kind: "file", path, line: 0, column: 0 },
      key: "master_key",
      found: `a generated key that cannot be read (${errorCode(error)})`,
      expected: "a file this user may read",
      fix: "run as the user the gateway runs as",
    });
    return undefined;
  }
}

/** By place in the file, then the rest in the order found. */
function inOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const line = (problem: ConfigProblem) =>
    problem.source.kind === "file"
      ? problem.source.line * 10_000 + problem.source.column
      : Number.MAX_SAFE_INTEGER;
  return [...problems].sort((left, right) => line(left) - line(right));
}
