import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { importsOf } from "./architecture/imports.ts";
import { floors, type Source, type Violation, violations } from "./architecture/rules.ts";
import { tokenize } from "./architecture/tokens.ts";

const root = new URL("..", import.meta.url).pathname;

/** Files longer than 400 lines, each with its reason. */
const allowedLong: Readonly<Record<string, string>> = {
  "src/client/admin-api.ts": "generated: one type an object and operation of the API",
};

function sourcesUnder(...folders: string[]): Source[] {
  return folders
    .flatMap((folder) => [...new Bun.Glob(`${folder}/**/*.ts`).scanSync({ cwd: root })])
    .sort()
    .map((path) => ({ path, text: readFileSync(`${root}/${path}`, "utf8") }));
}

const show = ({ rule, path, line, text }: Violation) => `${path}:${line}: ${rule}: ${text}`;
const rulesOf = (...sources: [path: string, text: string][]) =>
  violations(sources.map(([path, text]) => ({ path, text }))).map(({ rule }) => rule);

describe("the sources keep the layout's rules", () => {
  const sources = sourcesUnder("src", "test", "bench");

  test("no import upward, sideways or in a circle; the environment, names, lengths and types are in order", () => {
    expect(violations(sources, allowedLong).map(show)).toEqual([]);
  });

  test("every import that Bun finds is found here too", () => {
    const transpiler = new Bun.Transpiler({ loader: "ts" });
    let compared = 0;
    for (const { path, text } of sources) {
      const found = new Set(importsOf(tokenize(text)).map(({ specifier }) => specifier));
      for (const { path: specifier } of transpiler.scanImports(text)) {
        compared++;
        expect(`${path} imports ${found.has(specifier) ? specifier : `${specifier}, unseen`}`).toBe(
          `${path} imports ${specifier}`,
        );
      }
    }
    expect(compared).toBeGreaterThan(50);
  });

  test("every folder of src has its floor, and long files their reason only while they are long", () => {
    const folders = new Set(
      sources.filter(({ path }) => path.startsWith("src/")).map(({ path }) => path.split("/")[1]),
    );
    expect(
      [...folders].filter((folder) => folder !== "client" && !floors.flat().includes(folder ?? "")),
    ).toEqual([]);
    const long = new Set(violations(sources).flatMap(({ rule, path }) => (rule === "length" ? path : [])));
    expect(Object.keys(allowedLong).filter((path) => !long.has(path))).toEqual([]);
  });

  test("the lockfile names no host to fetch from", () => {
    expect(readFileSync(`${root}/package-lock.json`, "utf8")).not.toContain('"resolved": "http');
  });
});

describe("the checker sees what is wrong", () => {
  const model: [string, string] = ["src/model/a.ts", "export const a = 1;"];
  const store: [string, string] = ["src/storage/s.ts", "export type S = 1;"];

  test.each([
    ['import { s } from "../storage/s.ts";'],
    ['import type { S } from "../storage/s.ts";'],
    ['import { type S } from "../storage/s.ts";'],
    ['import def, {\n  // why\n  S as T,\n} from "../storage/s.ts";'],
    ['import * as all from "../storage/s.ts";'],
    ['import "../storage/s.ts";'],
    ['export { S } from "../storage/s.ts";'],
    ['export type { S } from "../storage/s.ts";'],
    ['export * from "../storage/s.ts";'],
    ['export * as all from "../storage/s.ts";'],
    ['const s = await import("../storage/s.ts");'],
    ['type S = import("../storage/s.ts").S;'],
    ['const s = `${await import("../storage/s.ts")}`;'],
    ['const w = new Worker(new URL("../storage/s.ts", import.meta.url));'],
    ['const r = /["\'`]/; const half = 4 / 2; import { s } from "../storage/s.ts";'],
    ['const t = `a ${`b ${1}`} c`; import { s } from "../storage/s.ts";'],
  ])("an import upward: %s", (text) => {
    expect(rulesOf(["src/model/m.ts", text], store)).toEqual(["direction"]);
  });

  test.each([
    ['// import { s } from "../storage/s.ts";'],
    ['/* import { s } from "../storage/s.ts"; */'],
    ["const text = 'import { s } from \"../storage/s.ts\"';"],
    ['const text = `import { s } from "../storage/s.ts"`;'],
    ['const r = /import "..\\/storage"/;'],
    ['import { a } from "./a.ts";'],
    ['import { readFileSync } from "node:fs";'],
  ])("no import upward: %s", (text) => {
    expect(rulesOf(["src/model/m.ts", text], model, store)).toEqual([]);
  });

  test("two folders of one floor", () => {
    expect(rulesOf(["src/auth/a.ts", 'import type { S } from "../storage/s.ts";'], store)).toEqual([
      "direction",
    ]);
  });

  test("the client imports protocol and model only", () => {
    const net: [string, string] = ["src/net/n.ts", ""];
    const text = 'import "../model/a.ts"; import "../net/n.ts";';
    expect(rulesOf(["src/client/c.ts", text], model, net)).toEqual(["direction"]);
  });

  test("an implementation is named in the server and in the commands, and nowhere else", () => {
    const text = 'import type { S } from "../storage/s.ts";';
    expect(rulesOf(["src/gateway/g.ts", text], store)).toEqual(["implementation"]);
    expect(rulesOf(["src/admin/a.ts", text], store)).toEqual(["implementation"]);
    expect(rulesOf(["src/server/wire.ts", text], store)).toEqual([]);
    expect(rulesOf(["src/cli/migrate.ts", text], store)).toEqual([]);
  });

  test("a circle, also through types", () => {
    const one: [string, string] = [
      "src/model/one.ts",
      'import type { T } from "./two.ts"; export type O = T;',
    ];
    const two: [string, string] = [
      "src/model/two.ts",
      'export type { O } from "./one.ts"; export type T = 1;',
    ];
    expect(rulesOf(one, two)).toEqual(["cycle"]);
  });

  test("a computed import, a missing file, a folder without a floor, a way out of src", () => {
    expect(rulesOf(["src/model/m.ts", "await import(name);"])).toEqual(["import"]);
    expect(rulesOf(["src/model/m.ts", 'import "./gone.ts";'])).toEqual(["import"]);
    expect(rulesOf(["src/attic/m.ts", 'import "../model/a.ts";'], model)).toEqual(["direction"]);
    expect(rulesOf(["src/model/m.ts", 'import "../../bench/main.ts";'])).toEqual(["direction"]);
  });

  test.each([
    ["process.env.HOME"],
    ["process.env"],
    ["process?.env"],
    ['process["env"]'],
    ["Bun.env.HOME"],
    ["import.meta.env.HOME"],
    ["const { env } = process;"],
    ["const { pid, env: e } = process;"],
    ['import { env } from "node:process";'],
  ])("the environment is read: %s", (text) => {
    expect(rulesOf(["src/model/m.ts", text])).toEqual(["environment"]);
    expect(rulesOf(["src/config/m.ts", text])).toEqual([]);
  });

  test.each([
    ["spawn(command, { env })"],
    ["const { env } = options;"],
    ["child.env"],
    ["const e = { env: {} };"],
  ])("the environment is not read: %s", (text) => {
    expect(rulesOf(["src/model/m.ts", text])).toEqual([]);
  });

  test.each([
    ["x as any"],
    ["let x: any;"],
    ["f<any>()"],
    ["type T = Map<string, any>;"],
    ["let x: string | any[];"],
  ])("any: %s", (text) => {
    expect(rulesOf(["src/model/m.ts", text])).toEqual(["any"]);
  });

  test.each([["Promise.any(list)"], ["z.any()"], ["({ any: 1 })"], ['"as any"'], ["// as any"]])(
    "not any: %s",
    (text) => {
      expect(rulesOf(["src/model/m.ts", text])).toEqual([]);
    },
  );

  test("a name that says nothing, and a file that is too long", () => {
    expect(rulesOf(["src/model/string-utils.ts", ""])).toEqual(["name"]);
    expect(rulesOf(["src/model/helpers/a.ts", ""])).toEqual(["name"]);
    expect(rulesOf(["src/model/long.ts", "\n".repeat(401)])).toEqual(["length"]);
    expect(rulesOf(["src/model/long.ts", "\n".repeat(400)])).toEqual([]);
  });
});
