import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sampleVerbs } from "./load.testing.ts";
import { loadSettings } from "./load.ts";
import type { ConfigProblem } from "./problem.ts";
import { type ConfigChange, ConfigWatch } from "./watch.ts";

let folder: string;
let watches: ConfigWatch[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gateway-watch-"));
  watches = [];
});
afterEach(() => {
  for (const watch of watches) watch.close();
  rmSync(folder, { recursive: true });
});

const yaml = (level: string, port = 8080) => `logging: {level: ${level}}\nserver: {port: ${port}}\n`;

/** Follows `path`; `pollMs` longer than a test leaves file events alone to notice. */
async function follow(path: string, pollMs = 60_000) {
  const options = {
    configPath: path,
    environment: {},
    defaultMode: "test",
    purpose: "serve",
    verbs: sampleVerbs,
    workingDir: folder,
  } as const;
  const first = await loadSettings(options);
  if ("problems" in first) throw new Error("the first configuration is wrong");
  const changes: ConfigChange[] = [];
  const problems: (readonly ConfigProblem[])[] = [];
  const watch = new ConfigWatch({
    path,
    current: first.settings,
    reload: () => loadSettings(options),
    onChange: (change) => void changes.push(change),
    onProblems: (found) => void problems.push(found),
    onFailure: (error) => {
      throw error;
    },
    pollMs,
  });
  watches.push(watch);
  return { watch, changes, problems };
}

/** A change must be live within a second. */
async function within(ready: () => boolean): Promise<void> {
  const deadline = performance.now() + 1000;
  while (!ready()) {
    if (performance.now() > deadline) throw new Error("nothing happened within a second");
    await Bun.sleep(5);
  }
}

describe("a change is live within a second", () => {
  test("written in place", async () => {
    const path = join(folder, "g.yaml");
    writeFileSync(path, yaml("info"));
    const { changes } = await follow(path);
    for (const level of ["debug", "warn", "error"]) {
      changes.length = 0;
      writeFileSync(path, yaml(level));
      await within(() => changes.length > 0);
      expect(changes.at(-1)?.settings.logging.level as string).toBe(level);
    }
  });

  test("by atomic rename, again and again", async () => {
    const path = join(folder, "g.yaml");
    writeFileSync(path, yaml("info"));
    const { changes } = await follow(path);
    for (const level of ["debug", "warn", "error"]) {
      changes.length = 0;
      writeFileSync(`${path}.tmp`, yaml(level));
      renameSync(`${path}.tmp`, path);
      await within(() => changes.length > 0);
      expect(changes.at(-1)?.settings.logging.level as string).toBe(level);
    }
  });

  test("by a swap of the directory's link, as Kubernetes does", async () => {
    const write = (version: string, level: string) => {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "g.yaml"), yaml(level));
    };
    write("v1", "info");
    symlinkSync("v1", join(folder, "..data"));
    symlinkSync("..data/g.yaml", join(folder, "g.yaml"));
    const { changes } = await follow(join(folder, "g.yaml"));
    for (const [version, level] of [
      ["v2", "debug"],
      ["v3", "warn"],
    ] as const) {
      changes.length = 0;
      write(version, level);
      symlinkSync(version, join(folder, "..data_tmp"));
      renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
      await within(() => changes.length > 0);
      expect(changes.at(-1)?.settings.logging.level as string).toBe(level);
    }
  });

  test("in the target of a link in another directory", async () => {
    mkdirSync(join(folder, "real"));
    mkdirSync(join(folder, "links"));
    writeFileSync(join(folder, "real/g.yaml"), yaml("info"));
    symlinkSync(join(folder, "real/g.yaml"), join(folder, "links/g.yaml"));
    const { changes } = await follow(join(folder, "links/g.yaml"));
    writeFileSync(join(folder, "real/g.yaml"), yaml("debug"));
    await within(() => changes.length > 0);
    expect(changes[0]?.settings.logging.level).toBe("debug");
  });

  test("removed and written again", async () => {
    const path = join(folder, "g.yaml");
    writeFileSync(path, yaml("info"));
    const { changes, problems } = await follow(path);
    unlinkSync(path);
    await within(() => problems.length > 0);
    expect(problems[0]?.[0]?.found).toContain("ENOENT");
    writeFileSync(path, yaml("debug"));
    await within(() => changes.length > 0);
  });

  test("by polling, where no event comes", async () => {
    mkdirSync(join(folder, "a"));
    const path = join(folder, "a/g.yaml");
    writeFileSync(path, yaml("info"));
    const { changes } = await follow(path, 200);
    // The watched directory itself is replaced: its events end with it.
    renameSync(join(folder, "a"), join(folder, "b"));
    mkdirSync(join(folder, "a"));
    writeFileSync(path, yaml("debug"));
    await within(() => changes.length > 0);
    expect(changes.at(-1)?.settings.logging.level).toBe("debug");
  });
});

test("several writes are one reading", async () => {
  const path = join(folder, "g.yaml");
  writeFileSync(path, yaml("info"));
  const { changes } = await follow(path);
  for (let index = 0; index < 10; index++) writeFileSync(path, yaml("debug", 9000 + index));
  await within(() => changes.length > 0);
  await Bun.sleep(300);
  expect(changes).toHaveLength(1);
});

test("other files of the directory do not matter", async () => {
  const path = join(folder, "g.yaml");
  writeFileSync(path, yaml("info"));
  const { changes, problems } = await follow(path);
  writeFileSync(join(folder, "other"), "x");
  await Bun.sleep(300);
  expect([changes.length, problems.length]).toEqual([0, 0]);
});

test("an emptied file, which somebody may still be writing, is reported and the settings before stay", async () => {
  const path = join(folder, "g.yaml");
  writeFileSync(path, yaml("debug"));
  const { changes, problems } = await follow(path);
  writeFileSync(path, "");
  await within(() => problems.length > 0);
  expect(problems[0]).toMatchObject([{ found: "an empty file", source: { kind: "file", path } }]);
  expect(changes).toEqual([]);
  writeFileSync(path, "{}");
  await within(() => changes.length > 0);
});

test("a file with a mistake is reported and the settings before stay", async () => {
  const path = join(folder, "g.yaml");
  writeFileSync(path, yaml("info"));
  const { changes, problems } = await follow(path);
  writeFileSync(path, yaml("loud"));
  await within(() => problems.length > 0);
  expect(problems[0]).toMatchObject([
    { key: "logging.level", source: { kind: "file", line: 1, column: 18 } },
  ]);
  expect(changes).toEqual([]);
  writeFileSync(path, yaml("warn"));
  await within(() => changes.length > 0);
});

test("what needs a restart is named, keeps its value, and the rest is applied", async () => {
  const path = join(folder, "g.yaml");
  writeFileSync(path, yaml("info"));
  const { changes, watch } = await follow(path);
  writeFileSync(path, `${yaml("debug", 9999)}data_dir: elsewhere\nfeatures: {metrics: false}\n`);
  await watch.reloadNow();
  expect(changes).toHaveLength(1);
  expect(changes[0]?.restartNeeded).toEqual(["data_dir", "server.port", "store", "audit.journal"]);
  expect(changes[0]?.settings).toMatchObject({
    dataDir: join(folder, "data"),
    server: { port: 8080, url: "http://localhost:8080" },
    store: { path: join(folder, "data/gateway.db") },
    logging: { level: "debug" },
    features: { metrics: false },
  });
});

test("SIGHUP reads even an unchanged file", async () => {
  const path = join(folder, "g.yaml");
  writeFileSync(path, yaml("info"));
  const { changes, watch } = await follow(path);
  await watch.reloadNow();
  expect(changes).toMatchObject([{ restartNeeded: [] }]);
});

test("nothing happens after close", async () => {
  const path = join(folder, "g.yaml");
  writeFileSync(path, yaml("info"));
  const { changes, watch } = await follow(path);
  writeFileSync(path, yaml("debug"));
  watch.close();
  await Bun.sleep(300);
  expect(changes).toEqual([]);
});
