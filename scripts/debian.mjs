// Programs that come from Debian's packages: found where they are installed, installed where this may be done.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** PostgreSQL keeps its server programs off the PATH, in a folder per version. */
const POSTGRES_FOLDERS = "/usr/lib/postgresql";

function onPath(name) {
  return (process.env.PATH ?? "")
    .split(":")
    .concat("/usr/sbin", "/sbin")
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

function findPostgresServer() {
  if (existsSync(POSTGRES_FOLDERS)) {
    const versions = readdirSync(POSTGRES_FOLDERS).sort((a, b) => Number(b) - Number(a));
    for (const version of versions) {
      const path = join(POSTGRES_FOLDERS, version, "bin", "postgres");
      if (existsSync(path)) return path;
    }
  }
  return onPath("postgres");
}

/** What a run may ask for: the package that brings it, and where its program is (undefined: not installed). */
export const programs = {
  PostgreSQL: { package: "postgresql", find: findPostgresServer },
  Redis: { package: "redis-server", find: () => onPath("redis-server") ?? onPath("valkey-server") },
  nginx: { package: "nginx-light", find: () => onPath("nginx") },
  wrk: { package: "wrk", find: () => onPath("wrk") },
  Chromium: { package: "chromium", find: () => onPath("chromium") ?? onPath("google-chrome") },
};

function apt(args) {
  // To standard error: standard output is the caller's own, JSON perhaps. RUNLEVEL=1 keeps the packages' own services from starting; the tests start their own.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  return spawnSync("apt-get", ["-q", ...args], { env, stdio: ["ignore", 2, 2] }).status === 0;
}

/**
 * Installs the packages of the named programs where they are missing, as root on a system with apt-get.
 * @param {(keyof typeof programs)[]} names
 * @returns {string[]} the names that are still missing
 */
export function ensurePrograms(names) {
  const absent = () => names.filter((name) => programs[name].find() === undefined);
  const missing = absent();
  if (missing.length === 0) return missing;
  if (process.getuid?.() !== 0 || onPath("apt-get") === undefined) return missing;
  const packages = missing.map((name) => programs[name].package);
  console.error(`Installing Debian's ${packages.join(", ")}`);
  const install = ["install", "-y", "--no-install-recommends", ...packages];
  if (!apt(install)) {
    apt(["update"]);
    apt(install);
  }
  return absent();
}
