import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
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
  checkout = mkdtempSync(join(tmpdir(), "mcp-gateway-bundle-"));
  for (const name of ["bin", "src", "package.json"])
    cpSync(join(root, name), join(checkout, name), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"));
});
afterEach(() => rmSync(checkout, { recursive: true, force: true }));

async function run(...command: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([join(checkout, "bin/mcp-gateway"), ...command], {
    cwd: checkout,
    env: childEnvironment(),
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

test("what nobody runs goes after a day, what runs stays", async () => {
  const port = await freePort();
  const command = [join(checkout, "bin/mcp-gateway"), "serve", "--port", String(port), "--demo=false"];
  const data = { MCP_GATEWAY_DATA_DIR: join(checkout, "data"), MCP_GATEWAY_ENV: "development" };
  const gateway = startChild(command, { cwd: checkout, environment: data });
  try {
    await eventually("it is ready", async () =>
      (await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined))?.ok === true ? true : undefined,
    );
    const [running = ""] = bundles();
    const unused = `${running}.17`;
    cpSync(join(checkout, "dist/program", running), join(checkout, "dist/program", unused), {
      recursive: true,
    });
    const dayAgo = new Date(Date.now() - 25 * 3_600_000);
    for (const name of [running, unused]) utimesSync(join(checkout, "dist/program", name), dayAgo, dayAgo);
    appendFileSync(join(checkout, "src/cli/main.ts"), "// another\n");
    expect(await run("--version")).toEqual(worked);
    expect(bundles()).toHaveLength(2);
    expect(bundles()).toContain(running);
  } finally {
    await gateway.stop();
  }
});

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
