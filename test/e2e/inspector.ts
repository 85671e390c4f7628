import { join } from "node:path";
import { childEnvironment } from "./child.ts";

/** What a command said and ended with. */
export interface InspectorAnswer {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

const REPOSITORY = join(import.meta.dir, "../..");

/** The official Inspector's command line, under the Node that is a development dependency (it needs 22.19 or newer). */
export async function inspect(
  url: string,
  era: "legacy" | "modern" | "auto",
  ...arguments_: readonly string[]
): Promise<InspectorAnswer> {
  const node = join(REPOSITORY, "node_modules/node/bin/node");
  const launcher = join(
    REPOSITORY,
    "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js",
  );
  const fixed = [
    "--cli",
    "--server-url",
    url,
    "--transport",
    "http",
    "--protocol-era",
    era,
    "--format",
    "json",
  ];
  const child = Bun.spawn([node, launcher, ...fixed, ...arguments_], {
    env: childEnvironment(),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, error };
}
