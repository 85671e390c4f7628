import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { childEnvironment } from "./child.ts";

const ROOT = resolve(import.meta.dir, "../..");
/** Never sent by a rule of its own, and too large to look through. */
const UNSEEN = new Set([".git", "node_modules"]);

/** The image, as far as it can be made without a container tool: what the base brings is this machine's own. */
export interface Image {
  /** What is `/` in the image. */
  readonly folder: string;
  /** Paths of the checkout that reached the builder. */
  readonly sent: readonly string[];
  /** Of these, what an instruction copied. */
  readonly copied: ReadonlySet<string>;
  readonly environment: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
  /** The one argument of the last such instruction, as it is written. */
  said(verb: string): string | undefined;
}

interface Instruction {
  readonly verb: string;
  readonly rest: string;
}

/** Does what a builder does with `Dockerfile` and `.dockerignore`, in `folder`. Throws where a source is missing. */
export function buildImage(folder: string): Image {
  const sent = contextFiles();
  const copied = new Set<string>();
  const context = join(folder, "context");
  for (const path of sent) copy(join(ROOT, path), join(context, path));
  const stages = new Map<string, string>();
  let root = "";
  let workdir = "/";
  let last: Instruction[] = [];
  for (const instruction of instructions()) {
    const { verb, rest } = instruction;
    last.push(instruction);
    if (verb === "FROM") {
      const name = / AS (\S+)$/i.exec(rest)?.[1] ?? "image";
      root = join(folder, name);
      mkdirSync(root, { recursive: true });
      stages.set(name, root);
      workdir = "/";
      last = [];
    } else if (verb === "WORKDIR") {
      workdir = resolve(workdir, rest);
    } else if (verb === "RUN" && rest.startsWith("npm ci --omit=dev")) {
      linkProductionPackages(join(root, workdir, "node_modules"));
    } else if (verb === "RUN" && rest.endsWith(" bin/mcp-gateway --version")) {
      execFileSync(join(root, workdir, "bin/mcp-gateway"), ["--version"], { env: childEnvironment() });
    } else if (verb === "COPY") {
      const stage = /^--from=(\S+) /.exec(rest)?.[1];
      const paths = rest.replace(/^--\S+ /, "").split(/\s+/);
      const target = paths.pop() ?? "";
      const from = stage === undefined ? context : stages.get(stage);
      // What a stage installed from Debian is not here.
      if (from === undefined || paths.every((path) => path.startsWith("/usr/"))) continue;
      for (const path of paths) {
        if (stage === undefined) for (const file of sent) if (isAtOrIn(file, path)) copied.add(file);
        const isInto = target.endsWith("/") || paths.length > 1;
        const place = join(root, resolve(workdir, target), isInto ? (path.split("/").pop() ?? "") : "");
        copy(join(from, path), place);
      }
    }
  }
  const said = (verb: string) => last.findLast((instruction) => instruction.verb === verb)?.rest;
  const list = (text: string | undefined): string[] => JSON.parse(text ?? "[]");
  return {
    folder: join(folder, "image"),
    sent,
    copied,
    environment: Object.fromEntries(
      [...(said("ENV") ?? "").matchAll(/(\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]),
    ),
    entrypoint: list(said("ENTRYPOINT")),
    command: list(said("CMD")),
    healthCheck: list(/CMD (\[.*\])$/.exec(said("HEALTHCHECK") ?? "")?.[1]),
    said,
  };
}

function instructions(): Instruction[] {
  const text = readFileSync(join(ROOT, "Dockerfile"), "utf8");
  const lines = text.replace(/^#.*\n/gm, "").replace(/\\\n\s*/g, " ");
  return [...lines.matchAll(/^([A-Z]+) (.*)$/gm)].map(([, verb = "", rest = ""]) => ({ verb, rest }));
}

/** Whether the rules of `.dockerignore` let a path through: the last that names it, or a folder above it, decides. */
function dockerignore(): (path: string) => boolean {
  const rules = readFileSync(join(ROOT, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ letsThrough: line.startsWith("!"), glob: new Bun.Glob(line.replace(/^!/, "")) }));
  return (path) => {
    const parts = path.split("/");
    const prefixes = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    const rule = rules.findLast(({ glob }) => prefixes.some((prefix) => glob.match(prefix)));
    return rule?.letsThrough ?? true;
  };
}

function contextFiles(): string[] {
  const isSent = dockerignore();
  for (const name of UNSEEN) if (isSent(`${name}/a`)) throw new Error(`${name} reaches the builder`);
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => !UNSEEN.has(entry.name))
    .flatMap((entry) =>
      entry.isDirectory()
        ? readdirSync(join(ROOT, entry.name), { recursive: true, withFileTypes: true })
            .filter((inner) => !inner.isDirectory())
            .map((inner) => join(inner.parentPath, inner.name).slice(ROOT.length + 1))
        : [entry.name],
    )
    .filter(isSent);
}

/** The packages `npm ci --omit=dev` installs, from where they are installed already. */
function linkProductionPackages(modules: string): void {
  const lock: { packages: Record<string, { dev?: boolean }> } = JSON.parse(
    readFileSync(join(ROOT, "package-lock.json"), "utf8"),
  );
  for (const [path, entry] of Object.entries(lock.packages)) {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1];
    if (name === undefined || entry.dev === true || !existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, path), join(modules, name));
  }
  copy(join(ROOT, "node_modules/.package-lock.json"), join(modules, ".package-lock.json"));
}

const isAtOrIn = (file: string, path: string) => file === path || file.startsWith(`${path}/`);

function copy(from: string, to: string): void {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}
