import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { childEnvironment } from "../e2e/child.ts";

/** The two frozen requirement sets; each runs on its own revision's wire. */
export type Revision = "2025-11-25" | "2026-07-28";

export type CheckStatus = "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";

/** One assertion of a scenario. `key` tells it from the others of the scenario in every run. */
export interface Check {
  readonly key: string;
  readonly status: CheckStatus;
  readonly message: string;
}

export interface Scenario {
  readonly name: string;
  /** Whether the requirement set counts it. */
  readonly isScored: boolean;
  readonly checks: readonly Check[];
}

/** Nothing failed, nothing was warned of, and something was proved. */
export function isGreen(scenario: Scenario): boolean {
  const bad = scenario.checks.some((check) => check.status === "FAILURE" || check.status === "WARNING");
  return !bad && scenario.checks.some((check) => check.status === "SUCCESS");
}

const PACKAGE_FOLDER = dirname(
  createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json"),
);

/** The names a requirement set scores for servers. */
export async function scoredScenarios(revision: Revision): Promise<ReadonlySet<string>> {
  const text = await readFile(join(PACKAGE_FOLDER, "requirements", `${revision}.yaml`), "utf8");
  const { server }: { server: string[] } = parse(text);
  return new Set(server);
}

/**
 * Runs a requirement set against `url`. A scenario that left no result is there with no checks, so that it cannot
 * pass by being absent. Throws when the suite itself did not run.
 */
export async function runSuite(
  url: string,
  revision: Revision,
  timeoutMs = 90_000,
): Promise<readonly Scenario[]> {
  const folder = await mkdtemp(join(process.env.TMPDIR ?? "/tmp", "conformance-"));
  try {
    const program = join(PACKAGE_FOLDER, "dist/index.js");
    const child = Bun.spawn(
      [process.execPath, program, "server", "--url", url, "--requirements", revision, "-o", folder],
      { cwd: folder, env: childEnvironment(), stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    const [out, error] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    clearTimeout(timer);
    const scenarios = await readResults(folder, await scoredScenarios(revision));
    if (scenarios.every((scenario) => scenario.checks.length === 0)) {
      throw new Error(`the suite gave no results for ${url}: ${out.slice(-2000)}${error.slice(-2000)}`);
    }
    return scenarios;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface WrittenCheck {
  readonly id: string;
  readonly name: string;
  readonly status: CheckStatus;
  readonly errorMessage?: string;
  readonly details?: { readonly fieldIssue?: string };
}

async function readResults(folder: string, scored: ReadonlySet<string>): Promise<readonly Scenario[]> {
  const written = new Map<string, readonly Check[]>();
  for (const entry of await readdir(folder)) {
    const name = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/.exec(entry)?.[1];
    if (name === undefined) continue;
    const checks: WrittenCheck[] = JSON.parse(await readFile(join(folder, entry, "checks.json"), "utf8"));
    written.set(name, distinctChecks(checks));
  }
  const names = new Set([...scored, ...written.keys()]);
  return [...names].map((name) => ({ name, isScored: scored.has(name), checks: written.get(name) ?? [] }));
}

/** Traffic records are no assertions; assertions that share an id are told apart by name, field and count. */
function distinctChecks(written: readonly WrittenCheck[]): readonly Check[] {
  const traffic = new Set(["outgoing-request", "incoming-response", "incoming-sse-event", "stream-closed"]);
  const times = new Map<string, number>();
  const checks: Check[] = [];
  for (const { id, name, status, errorMessage, details } of written) {
    if (traffic.has(id) && status === "INFO") continue;
    const base = [id, name, details?.fieldIssue].filter((part) => part !== undefined).join("/");
    const time = (times.get(base) ?? 0) + 1;
    times.set(base, time);
    checks.push({ key: time === 1 ? base : `${base}#${time}`, status, message: errorMessage ?? "" });
  }
  return checks;
}
