// The test command. Brings what the tests need, runs the sets asked for, stops what it started, and ends with
// `N passed, N failed`. Usage: node scripts/test.mjs [--coverage] [SET | PATH …]; without one, all but `long`.
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { ensurePrograms } from "./debian.mjs";
import { ensureDependencies, findBun, root, toolEnvironment } from "./dependencies.mjs";
import { FailureWords, failedTests } from "./failed-tests.mjs";
import { boundToThisProcess, servicesToStart, startServices } from "./services.mjs";

/**
 * Where each set's tests are, how long one test may take, and how long the set: a hang ends as a failure and not as
 * the limit of whoever called. `workers` runs that many files side by side; sets that measure or kill run alone.
 * Where `runs` is 2, files with a failure run once more by themselves: whoever passes then is named at the end.
 */
const sets = {
  unit: {
    paths: ["src", "test/architecture.test.ts", "test/decisions.test.ts"],
    testMs: 20_000,
    setMs: 300_000,
    workers: 2,
    runs: 2,
  },
  integration: { paths: ["test/contract", "test/integration"], testMs: 30_000, setMs: 300_000, runs: 2 },
  e2e: { paths: ["test/e2e"], testMs: 60_000, setMs: 600_000, workers: 2, runs: 2 },
  conformance: { paths: ["test/conformance"], testMs: 120_000, setMs: 300_000, runs: 2 },
  faults: { paths: ["test/faults"], testMs: 120_000, setMs: 400_000, runs: 2 },
  long: { paths: ["test/long"], testMs: 3_600_000, setMs: 5_000_000 },
  mcp: {
    paths: ["src/protocol", "src/upstreams/mcp", "src/transports", "test/conformance"],
    testMs: 120_000,
    setMs: 420_000,
  },
};
const everySet = ["unit", "integration", "e2e", "conformance", "faults"];
const pathSet = { testMs: 120_000, setMs: 1_800_000 };

/** Failures in more files than these are no race of one test. */
const FILES_AGAIN_MAX = 3;
/** Time a finished set's child processes get before they count as left behind. */
const GRACE_MS = 3000;

const results = join(root, "results", "tests");
const runId = randomUUID();
const failures = [];
/** Tests that failed, and passed when their files ran again by themselves. */
const unstable = [];
/** What the tests of both kinds printed as they failed: shown again at the end, where it is found. */
const said = [];
let stopCurrent;
let interrupted = false;

function testFiles(path) {
  const full = resolve(root, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [full];
  return readdirSync(full, { withFileTypes: true })
    .filter((entry) => entry.name !== "node_modules")
    .flatMap((entry) => {
      const child = join(full, entry.name);
      if (entry.isDirectory()) return testFiles(child);
      return /\.test\.tsx?$/.test(entry.name) ? [child] : [];
    })
    .sort();
}

const inRoot = (path) => `./${relative(root, path)}`;
const indented = (text) => text.replaceAll(/^/gm, "    ");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}

/** Processes that carry this run's mark in their environment, or stand in the tests' process group (Linux only). */
function leftovers(group) {
  if (!existsSync("/proc/self/environ")) return [];
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [state, , processGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z") return false;
      if (Number(processGroup) === group) return true;
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`GATEWAY_TEST_RUN=${runId}`);
    } catch {
      return false; // It ended while we looked, or is somebody else's.
    }
  });
}

/** Ends what a set left running, and says what it was. */
async function sweep(group) {
  const until = Date.now() + GRACE_MS;
  let left = leftovers(group);
  while (left.length > 0 && Date.now() < until) {
    await pause(50);
    left = leftovers(group);
  }
  return left.flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      process.kill(Number(pid), "SIGKILL");
      return [`process ${pid}: ${command}`];
    } catch {
      return [];
    }
  });
}

/** The counts at the end of what `bun test` prints. */
function readCounts(output) {
  const count = (word) => Number(output.match(new RegExp(`^ *(\\d+) ${word}$`, "m"))?.[1] ?? 0);
  return { passed: count("pass"), failed: count("fail"), skipped: count("skip") + count("todo") };
}

/** Runs one set of files: its counts and what is wrong. Whatever ended it early counts as a failure. */
async function runSet(name, files, { testMs, setMs, workers = 1 }, { environment, coverage }) {
  const report = join(results, `${name}.xml`);
  const args = ["test", `--timeout=${testMs}`, "--reporter=junit", `--reporter-outfile=${report}`];
  if (workers > 1 && files.length > 1 && !coverage) args.push(`--parallel=${workers}`);
  if (coverage)
    args.push(
      "--coverage",
      "--coverage-reporter=text",
      "--coverage-reporter=lcov",
      `--coverage-dir=${join(root, "coverage", name)}`,
    );
  console.log(`\n== ${name}: ${files.length} file${files.length === 1 ? "" : "s"}`);
  const [program, ...rest] = [...boundToThisProcess("SIGKILL"), findBun(), ...args, ...files.map(inRoot)];
  const child = spawn(program, rest, {
    cwd: root,
    env: toolEnvironment({ ...environment, GATEWAY_TEST_RUN: runId }),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const group = child.pid;
  stopCurrent = () => signalGroup(group, "SIGTERM");
  const words = new FailureWords();
  let tail = "";
  for (const [stream, target] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ]) {
    stream.on("data", (chunk) => {
      target.write(chunk);
      tail = (tail + chunk).slice(-4000);
      words.read(chunk);
    });
  }
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    signalGroup(group, "SIGKILL");
  }, setMs);
  const [status, signal] = await new Promise((done) => {
    child.once("error", (error) => done([1, error.message]));
    child.once("exit", (code, by) => done([code, by]));
  });
  clearTimeout(timer);
  stopCurrent = undefined;
  const left = await sweep(group);
  const counts = readCounts(tail);
  const failed = failedTests(report);
  const faults = failed.map((test) => `${name}: ${test.file}: ${test.name}`);
  if (timedOut) faults.push(`${name}: not done after ${setMs / 1000} s`);
  else if (signal) faults.push(`${name}: the test runner ended by ${signal}`);
  else if (counts.passed + counts.failed === 0) faults.push(`${name}: no test ran`);
  else if (counts.failed > failed.length) faults.push(`${name}: ${counts.failed} failed`);
  else if (counts.failed === 0 && status !== 0)
    faults.push(`${name}: the test runner's exit code is ${status}`);
  const isOfTests = counts.failed > 0 && faults.length === failed.length;
  faults.push(...left.map((command) => `${name}: left behind: ${command}`));
  const unexplained = counts.failed === 0 && (timedOut || status !== 0 || counts.passed === 0) ? 1 : 0;
  return {
    counts: { ...counts, failed: counts.failed + unexplained + left.length },
    faults,
    words: words.all,
    /** Files to try again: only where tests failed, and nothing else is wrong. */
    files: isOfTests && left.length === 0 ? [...new Set(failed.map(({ file }) => resolve(root, file)))] : [],
  };
}

/** Runs a set and, where few of its files failed, these once more by themselves. */
async function runSetWithSecondTry(name, files, limits, surroundings) {
  const first = await runSet(name, files, limits, surroundings);
  const { counts } = first;
  const isTriedAgain =
    limits.runs > 1 && !interrupted && first.files.length > 0 && first.files.length <= FILES_AGAIN_MAX;
  if (isTriedAgain) {
    console.log(`\n!!! ${name}: ${counts.failed} failed; their files once more, by themselves`);
    const again = await runSet(`${name}-again`, first.files, { ...limits, workers: 1 }, surroundings);
    if (again.counts.failed === 0) {
      unstable.push(...first.faults);
      said.push(...first.words);
      return { ...counts, passed: counts.passed + counts.failed, failed: 0 };
    }
    failures.push(...again.faults);
    said.push(...again.words);
  }
  failures.push(...first.faults);
  said.push(...first.words);
  return counts;
}

/** What was asked for: named sets, or one set of the paths given. */
function plan(words) {
  const names = words.filter((word) => Object.hasOwn(sets, word));
  const paths = words.filter((word) => !Object.hasOwn(sets, word));
  const chosen = words.length === 0 ? everySet : names;
  const list = chosen.map((name) => ({ name, ...sets[name], files: sets[name].paths.flatMap(testFiles) }));
  for (const path of paths) {
    const files = testFiles(path);
    if (files.length === 0) failures.push(`${path}: no test file there`);
    list.push({ name: path.replaceAll(/[^\w.-]+/g, "-"), ...pathSet, files });
  }
  return list;
}

/** Services for the tests; what cannot be had is said loudly and, in CI, is a failure. */
async function bringServices() {
  const names = servicesToStart();
  const missing = ensurePrograms(names);
  for (const name of missing) {
    const text = `${name} is not installed and could not be: the tests that need it are LEFT OUT`;
    console.error(`\n!!! ${text}\n`);
    if (process.env.CI === "true") failures.push(text);
  }
  return startServices(names.filter((name) => !missing.includes(name)));
}

async function main() {
  const words = process.argv.slice(2);
  const coverage = words.includes("--coverage");
  const list = plan(words.filter((word) => word !== "--coverage"));
  ensureDependencies();
  // The bundle that all started gateways share (ADR 0035), made once and not by the first of them side by side.
  const started = spawnSync(join(root, "bin", "mcp-gateway"), ["--version"], { encoding: "utf8" });
  if (started.status !== 0) throw new Error(`bin/mcp-gateway does not start: ${started.stderr}`);
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const services = await bringServices();
  const total = { passed: 0, failed: failures.length, skipped: 0 };
  const stop = (signal) => {
    interrupted = true;
    console.error(`\n${signal}: stopping`);
    stopCurrent?.();
  };
  process.on("SIGINT", stop).on("SIGTERM", stop).on("SIGHUP", stop);
  const startedAt = Date.now();
  const lines = [];
  try {
    for (const { name, files, ...limits } of list) {
      if (interrupted) break;
      if (files.length === 0) {
        lines.push(`${name}: no test files`);
        continue;
      }
      const began = Date.now();
      const counts = await runSetWithSecondTry(name, files, limits, {
        environment: services.environment,
        coverage,
      });
      for (const key of Object.keys(total)) total[key] += counts[key];
      const seconds = ((Date.now() - began) / 1000).toFixed(1);
      lines.push(
        `${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ${seconds} s`,
      );
    }
  } finally {
    await services.stop();
  }
  console.log(`\n${lines.map((line) => `  ${line}`).join("\n")}`);
  if (interrupted) failures.push("interrupted");
  else if (total.passed + total.failed === 0) failures.push("no test ran");
  if (said.length > 0) console.log(`\nWhat failed, in its own words:\n${said.map(indented).join("\n")}`);
  if (unstable.length > 0) console.log(`\n${unstable.map((line) => `  UNSTABLE ${line}`).join("\n")}`);
  if (failures.length > 0) console.log(`\n${failures.map((line) => `  FAILED ${line}`).join("\n")}`);
  console.log(`  in ${((Date.now() - startedAt) / 1000).toFixed(0)} s\n`);
  console.log(
    `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`,
  );
  process.exitCode = failures.length > 0 || total.failed > 0 ? 1 : 0;
}

main().catch((error) => {
  console.error(error.message);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
});
