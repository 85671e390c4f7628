// Brings what the project stands on: its npm packages and, with them, Bun. Plain Node, and nothing but Node.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");

/** Smaller files in Bun's place are the package's placeholder, which only prints an error. */
const BUN_BYTES_MIN = 1_000_000;

/** Path of the installed Bun, or undefined. */
export function findBun() {
  const platforms = join(modules, "@oven");
  const candidates = existsSync(platforms)
    ? readdirSync(platforms).map((name) => join(platforms, name, "bin", "bun"))
    : [];
  candidates.push(join(modules, "bun", "bin", "bun.exe"));
  return candidates.find((path) => existsSync(path) && statSync(path).size > BUN_BYTES_MIN);
}

/** The newer Node that foreign test peers need; an exact development dependency. */
export const peerNode = join(modules, "node", "bin", "node");

/** Names of the packages whose installed version is not the lockfile's. */
function stalePackages({ development }) {
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const record = join(modules, ".package-lock.json");
  const installed = existsSync(record) ? JSON.parse(readFileSync(record, "utf8")).packages : {};
  return Object.entries(wanted)
    .filter(([path, entry]) => {
      if (path === "" || entry.optional || entry.devOptional) return false;
      if (entry.dev && !development) return false;
      return installed[path]?.version !== entry.version;
    })
    .map(([path]) => path.replace(/^node_modules\//, ""));
}

function run(command, args, cwd = root) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
  if (error) console.error(`${command}: ${error.message}`);
  return status === 0;
}

function runNpm(args) {
  const own = process.env.npm_execpath;
  return own?.endsWith(".js") ? run(process.execPath, [own, ...args]) : run("npm", args);
}

/**
 * Installs the packages of the lockfile where they are missing or old; returns at once where they are not.
 * `npm install` and not `npm ci`: the latter refuses a lockfile made where some platforms' optional packages could not
 * be had. Install scripts stay off; the two packages that need theirs are finished here by name.
 * @param {{ development?: boolean }} options development: also the packages for tests and checks
 */
export function ensureDependencies({ development = true } = {}) {
  const stale = stalePackages({ development });
  if (stale.length > 0) {
    console.log("Installing dependencies with npm, once (about 20 s)");
    const args = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    // A start leaves the packages of development alone where they are installed.
    if (!development && !existsSync(join(modules, "typescript"))) args.push("--omit=dev");
    if (!runNpm(args)) throw new Error("npm could not install the dependencies; its message stands above");
    const placeholder = join(modules, "bun", "bin", "bun.exe");
    if (existsSync(placeholder) && statSync(placeholder).size <= BUN_BYTES_MIN) {
      run(process.execPath, ["install.js"], join(modules, "bun"));
    }
  }
  if (development && !existsSync(peerNode) && existsSync(dirname(dirname(peerNode)))) {
    run(process.execPath, ["installArchSpecificPackage.js"], dirname(dirname(peerNode)));
  }
  if (findBun() === undefined) {
    throw new Error("Bun did not arrive with npm: is this platform among those of the npm package `bun`?");
  }
}

/** Environment for a tool that is run from node_modules. */
export function toolEnvironment(extra = {}) {
  return { ...process.env, ...extra, PATH: `${join(modules, ".bin")}:${process.env.PATH}` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    ensureDependencies({ development: !process.argv.includes("--production") });
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
