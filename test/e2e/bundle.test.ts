import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { childEnvironment, eventually, freePort, startChild } from "./child.ts";

const root = join(import.meta.dir, "../..");

/** A checkout of its own, with the packages that are installed here. */
let checkout: string;
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "mcp-gateway-bundle (c++) [1] "));
  for (const name of ["bin", "src", "package.json"])
    cpSync(join(root, name), join(checkout, name), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"));
});
afterEach(() => rmSync(checkout, { recursive: true, force: true }));

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(command: string, environment: Record<string, string> = {}): Promise<Answer> {
  const child = Bun.spawn([join(checkout, "bin/mcp-gateway"), command], {
    cwd: checkout,
    env: childEnvironment(environment),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out: out.trim(), err };
}
const version = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version as string;
const worked = { code: 0, out: version, err: "" };
const bundles = () => readdirSync(join(checkout, "dist/program")).toSorted();

test("of the same sources there is one bundle, however many start at once", async () => {
  const all = await Promise.all(Array.from({ length: 4 }, () => run("--version")));
  expect(all).toEqual([worked, worked, worked, worked]);
  const first = bundles();
  expect(first).toHaveLength(1);
  expect(await run("--version")).toEqual(worked);
  expect(bundles()).toEqual(first);
});

test("a changed source is another program at once, though it bears an old time", async () => {
  expect(await run("--version")).toEqual(worked);
  const [before] = bundles();
  const main = join(checkout, "src/cli/main.ts");
  writeFileSync(main, readFileSync(main, "utf8").replace(/packageJson\.version/g, '"99.0.0"'));
  utimesSync(main, new Date(2001, 0), new Date(2001, 0));
  expect(await run("--version")).toEqual({ ...worked, out: "99.0.0" });
  expect(bundles()).toHaveLength(2);
  expect(bundles()).toContain(before as string);
});

test("what nobody runs goes after a week, what runs stays", async () => {
  const port = await freePort();
  const command = [join(checkout, "bin/mcp-gateway"), "serve", "--port", String(port), "--demo=false"];
  const data = { MCP_GATEWAY_DATA_DIR: join(checkout, "data"), MCP_GATEWAY_ENV: "development" };
  const gateway = startChild(command, { cwd: checkout, environment: data });
  try {
    await eventually("it is ready", async () =>
      (await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined))?.ok === true ? true : undefined,
    );
    const [running = ""] = bundles();
    const unused = `${running}.abcdef`;
    cpSync(join(checkout, "dist/program", running), join(checkout, "dist/program", unused), {
      recursive: true,
    });
    const then = new Date(Date.now() - 9 * 86_400_000);
    for (const name of [running, unused]) utimesSync(join(checkout, "dist/program", name), then, then);
    appendFileSync(join(checkout, "src/cli/main.ts"), "// another\n");
    expect(await run("--version")).toEqual(worked);
    expect(bundles()).toContain(running);
    // Without a way to see what runs, all stay.
    expect(bundles()).toHaveLength(Bun.which("pgrep") === null ? 3 : 2);
  } finally {
    await gateway.stop();
  }
});

test("what changed while it was bundled is no bundle of what was there before", async () => {
  const main = join(checkout, "src/cli/main.ts");
  const before = readFileSync(main, "utf8");
  // A Bun that changes a source as it begins to bundle: after the checksum was made.
  const bun = join(checkout, "bun");
  writeFileSync(
    bun,
    `#!/bin/sh\n[ "$1" != build ] || echo "// later" >>"${main}"\nexec "${process.execPath}" "$@"\n`,
  );
  chmodSync(bun, 0o755);
  truncateSync(bun, 1_100_000);
  rmSync(join(checkout, "node_modules"));
  mkdirSync(join(checkout, "node_modules/bun/bin"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")))
    if (name !== "bun" && name !== "@oven")
      symlinkSync(join(root, "node_modules", name), join(checkout, "node_modules", name));
  renameSync(bun, join(checkout, "node_modules/bun/bin/bun.exe"));
  expect(await run("--version")).toEqual(worked);
  expect(bundles()).toEqual([]);
  expect(readFileSync(main, "utf8")).toBe(`${before}// later\n`);
});

test("a bundle that cannot be read is made anew, or passed over", async () => {
  expect(await run("--version")).toEqual(worked);
  const [bundle = ""] = bundles();
  const main = join(checkout, "dist/program", bundle, "main.ts");
  writeFileSync(main, "");
  expect(await run("--version")).toEqual(worked);
  expect(bundles()).toEqual([bundle]);
  expect(statSync(main).size).toBeGreaterThan(0);
  rmSync(main);
  mkdirSync(main);
  expect(await run("--version")).toEqual(worked);
});

test.each(["find", "cksum", "sort"])(
  "without %s nothing can be told apart: the sources are the program",
  async (missing) => {
    const tools = join(checkout, "tools");
    mkdirSync(tools);
    for (const name of [
      "sh",
      "find",
      "cksum",
      "sort",
      "readlink",
      "wc",
      "mkdir",
      "mktemp",
      "chmod",
      "mv",
      "rm",
      "sync",
    ])
      if (name !== missing) symlinkSync(Bun.which(name) ?? "", join(tools, name));
    const result = await run("--version", { PATH: tools });
    expect(result).toEqual(worked);
    expect(existsSync(join(checkout, "dist"))).toBe(false);
  },
);

test("where it cannot be kept, the sources are the program, without a word", async () => {
  writeFileSync(join(checkout, "dist"), "a file, where the folder would be");
  expect(await run("--version")).toEqual(worked);
});

test("every file that runs in a thread is in it", async () => {
  expect(await run("--version")).toEqual(worked);
  const [bundle = ""] = bundles();
  const files = readdirSync(join(checkout, "dist/program", bundle));
  const sources = [...new Bun.Glob("**/*.ts").scanSync(join(root, "src"))].filter(
    (path) => !/\.(test|testing)\.ts$/.test(path),
  );
  const entries = sources.flatMap((path) => {
    const text = readFileSync(join(root, "src", path), "utf8");
    return [...text.matchAll(/new URL\(\s*"([^"]+\.ts)",\s*import\.meta\.url/g)].map(([, to]) =>
      basename(to ?? ""),
    );
  });
  expect(entries.length).toBeGreaterThan(1);
  expect(files).toEqual(expect.arrayContaining(entries));
});
