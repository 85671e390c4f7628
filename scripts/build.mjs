// Builds the single executable dist/mcp-gateway: Bun, the program and its libraries in one file.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { ensureDependencies, findBun, root } from "./dependencies.mjs";

const entry = join(root, "src", "cli", "main.ts");
const output = join(root, "dist", "mcp-gateway");

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((item) => {
    const path = join(folder, item.name);
    if (item.isDirectory()) return sources(path);
    return path.endsWith(".ts") && !path.endsWith(".test.ts") ? [path] : [];
  });
}

/** Files that run in a thread or process of their own are reached by URL, which the bundler does not follow. */
function threadEntries() {
  const found = sources(join(root, "src")).flatMap((path) =>
    [
      ...readFileSync(path, "utf8").matchAll(
        /new URL\(\s*"(\.{1,2}\/[^"]+\.ts)"\s*,\s*import\.meta\.url\s*,?\s*\)/g,
      ),
    ].map(([, target]) => resolve(dirname(path), target)),
  );
  return [...new Set(found)];
}

ensureDependencies({ development: false });
if (!existsSync(entry)) {
  console.error("src/cli/main.ts is missing");
  process.exit(1);
}
mkdirSync(dirname(output), { recursive: true });
const args = [
  "build",
  "--compile",
  "--minify-syntax",
  "--minify-whitespace",
  "--sourcemap",
  // Threads are found beside the program, whatever folder their source is in.
  "--entry-naming=[name].[ext]",
  "--outfile",
  output,
];
const { status } = spawnSync(
  findBun(),
  [...args, ...[entry, ...threadEntries()].map((path) => `./${relative(root, path)}`)],
  {
    cwd: root,
    stdio: "inherit",
  },
);
if (status !== 0) process.exit(1);
console.log(`dist/mcp-gateway: ${(statSync(output).size / 1e6).toFixed(0)} MB`);
