// Runs the benchmark, bench/main.ts, with what it measures against: nginx and wrk from Debian's packages.
import { spawn } from "node:child_process";
import { ensurePrograms } from "./debian.mjs";
import { ensureDependencies, findBun, root, toolEnvironment } from "./dependencies.mjs";

try {
  ensureDependencies();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
const missing = ensurePrograms(["nginx", "wrk"]);
if (missing.length > 0) {
  console.error(
    `The benchmark needs ${missing.join(" and ")}: install them, or run it as root where apt-get can`,
  );
  process.exit(1);
}
const child = spawn(findBun(), ["bench/main.ts", ...process.argv.slice(2)], {
  cwd: root,
  // The clients' own memory is no part of what is measured: what they free they use again.
  env: { ...toolEnvironment(), MIMALLOC_PURGE_DELAY: "600000", MIMALLOC_PURGE_HOLES_MIN_INTERVAL: "600000" },
  stdio: "inherit",
});
// The terminal sends Ctrl-C to the benchmark too; it stops what it started, and this process waits for it.
process.on("SIGINT", () => {}).on("SIGTERM", () => child.kill("SIGTERM"));
child.once("exit", (code) => {
  process.exitCode = code ?? 1;
});
