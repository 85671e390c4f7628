import { afterAll } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Loaded, type LoadOptions, loadSettings } from "./load.ts";
import { formatProblem } from "./problem.ts";
import type { Settings } from "./settings.ts";

export const MASTER_KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7 + 3)).toString(
  "base64",
);

/** Some acts of administration. */
export const sampleVerbs = async () => ["server.create", "server.update", "server.delete", "user.create"];

export type Extra = Partial<Omit<LoadOptions, "configPath">>;

/** Reads configurations written into a folder that is gone when the tests of the calling file are done. */
export function sampleLoader() {
  const folder = mkdtempSync(join(tmpdir(), "gateway-config-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function load(yaml: string | undefined, extra: Extra = {}): Promise<Loaded> {
    const configPath = join(folder, "gateway.yaml");
    if (yaml !== undefined) writeFileSync(configPath, yaml);
    return await loadSettings({
      environment: {},
      defaultMode: "development",
      purpose: "serve",
      workingDir: folder,
      verbs: sampleVerbs,
      ...(yaml === undefined ? {} : { configPath }),
      ...extra,
    });
  }
  return {
    folder,
    load,
    settingsOf: async (yaml: string | undefined, extra: Extra = {}): Promise<Settings> => {
      const loaded = await load(yaml, extra);
      if ("problems" in loaded) throw new Error(loaded.problems.map(formatProblem).join("\n"));
      return loaded.settings;
    },
    problemsOf: async (yaml: string | undefined, extra: Extra = {}): Promise<string[]> => {
      const loaded = await load(yaml, extra);
      if (!("problems" in loaded)) return [];
      return loaded.problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ""));
    },
  };
}
