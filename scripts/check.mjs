// The checks that need no test: types, lint, format, unused code. They run side by side; each prints when it is done.
// Usage: node scripts/check.mjs [NAME …]. Ends with `N passed, N failed`.
import { spawn } from "node:child_process";
import { ensureDependencies, findBun, root, toolEnvironment } from "./dependencies.mjs";

const checks = {
  types: ["tsc", "--noEmit", "-p", "."],
  lint: ["oxlint", "--deny-warnings", "--format=unix"],
  format: ["biome", "ci", "--colors=off", "--reporter=summary", "."],
  unused: ["knip", "--no-progress"],
  architecture: ["bun", "test", "--timeout=60000", "./test/architecture.test.ts"],
};

/** Lines shown of a check that failed. */
const LINES_MAX = 200;

function run(name) {
  const began = Date.now();
  const [tool, ...args] = checks[name];
  return new Promise((done) => {
    const child = spawn(tool === "bun" ? findBun() : tool, args, {
      cwd: root,
      env: toolEnvironment({ NO_COLOR: "1" }),
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.once("error", (error) => done({ name, passed: false, output: error.message, began }));
    child.once("close", (status) => done({ name, passed: status === 0, output, began }));
  });
}

function report({ name, passed, output, began }) {
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(`${passed ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (!passed) {
    const lines = output.trimEnd().split("\n");
    for (const line of lines.slice(0, LINES_MAX)) console.log(`    ${line}`);
    if (lines.length > LINES_MAX) console.log(`    … and ${lines.length - LINES_MAX} lines more`);
  }
  return passed;
}

try {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !Object.hasOwn(checks, name));
  if (unknown.length > 0)
    throw new Error(`No such check: ${unknown.join(", ")}. There are ${Object.keys(checks).join(", ")}`);
  ensureDependencies();
  const names = asked.length > 0 ? asked : Object.keys(checks);
  const passed = await Promise.all(names.map((name) => run(name).then(report)));
  const failed = passed.filter((ok) => !ok).length;
  console.log(`\n${passed.length - failed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
} catch (error) {
  console.error(error.message);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
