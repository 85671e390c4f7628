import { createRequire } from "node:module";
import { join } from "node:path";
import { type Child, eventually, freePort, startChild } from "./child.ts";
import type { ServerEntry } from "./gateway.ts";

const require = createRequire(import.meta.url);
const FIXTURES = join(import.meta.dir, "../fixtures");

export type Era = "modern" | "legacy" | "both";

/** A server under test conditions: its address, and its process. */
export interface Upstream {
  readonly url: string;
  readonly child: Child;
  stop(): Promise<void>;
}

async function startPrinting(command: readonly string[]): Promise<Upstream> {
  const child = startChild(command);
  const { url }: { url: string } = JSON.parse(await child.firstLine());
  return { url, child, stop: () => child.stop() };
}

/** Our own server with one of everything, over HTTP or (legacy only) over HTTP+SSE. */
export function startFixture(
  era: Era,
  transport: "http" | "sse" = "http",
  label?: string,
): Promise<Upstream> {
  const program = join(FIXTURES, "everything.ts");
  const labelled = label === undefined ? [] : ["--label", label];
  return startPrinting([process.execPath, program, "--era", era, "--transport", transport, ...labelled]);
}

export function fixtureEntry(name: string, upstream: Upstream, type: "streamable-http" | "sse"): ServerEntry {
  return { name, type, connection: { url: upstream.url, timeout: "30s" }, protocol: "auto" };
}

/** The same server as a child of the gateway. */
export function fixtureStdioEntry(name: string, era: Era): ServerEntry {
  const args = [join(FIXTURES, "everything.ts"), "--era", era, "--transport", "stdio"];
  return { name, type: "stdio", command: process.execPath, args };
}

/** The bulk echo server: fast, and counting what it saw. */
export interface EchoUpstream extends Upstream {
  seen(): Promise<EchoCount>;
}

/** Tells everything it was given, and the credential it was shown. */
export function startTelltale(): Promise<Upstream> {
  return startPrinting([process.execPath, join(FIXTURES, "telltale.ts")]);
}

/** What the echo server saw. `repeated` names the nonces that came more than once, up to 20 of them. */
export interface EchoCount {
  readonly calls: number;
  readonly distinct: number;
  readonly repeated: readonly string[];
  readonly sessions: number;
}

export async function startEcho(era: "modern" | "legacy"): Promise<EchoUpstream> {
  const upstream = await startPrinting([process.execPath, join(FIXTURES, "echo.ts"), "--era", era]);
  const url = new URL("/seen", upstream.url);
  return { ...upstream, seen: async () => (await fetch(url)).json() as Promise<EchoCount> };
}

function packageMain(name: string): string {
  return join(require.resolve(`${name}/package.json`), "../dist/index.js");
}

/** The official server-everything (legacy), over streamable HTTP. */
export async function startServerEverything(): Promise<Upstream> {
  const port = await freePort();
  const program = packageMain("@modelcontextprotocol/server-everything");
  const child = startChild([process.execPath, program, "streamableHttp"], {
    environment: { PORT: String(port) },
  });
  const url = `http://127.0.0.1:${port}/mcp`;
  await eventually("server-everything answers", async () => {
    if (!child.isRunning()) throw new Error(`server-everything ended: ${child.output()}`);
    const answer = await fetch(url).catch(() => undefined);
    return answer === undefined ? undefined : true;
  });
  return { url, child, stop: () => child.stop() };
}

/** The official servers as children of the gateway, by their own programs. */
export const officialStdio = {
  everything: (name: string): ServerEntry =>
    stdioEntry(name, "@modelcontextprotocol/server-everything", ["stdio"]),
  filesystem: (name: string, folder: string): ServerEntry =>
    stdioEntry(name, "@modelcontextprotocol/server-filesystem", [folder]),
  memory: (name: string, file: string): ServerEntry => ({
    ...stdioEntry(name, "@modelcontextprotocol/server-memory", []),
    environment: { MEMORY_FILE_PATH: file },
  }),
};

function stdioEntry(name: string, package_: string, args: readonly string[]): ServerEntry {
  return { name, type: "stdio", command: process.execPath, args: [packageMain(package_), ...args] };
}

/** A server of exactly one revision that gives back the text of what it heard. */
export function startVerbatim(revision: string, transport: "http" | "sse"): Promise<Upstream> {
  const program = join(FIXTURES, "verbatim.ts");
  return startPrinting([process.execPath, program, "--revision", revision, "--transport", transport]);
}

export function verbatimStdioEntry(name: string, revision: string): ServerEntry {
  const args = [join(FIXTURES, "verbatim.ts"), "--revision", revision, "--transport", "stdio"];
  return { name, type: "stdio", command: process.execPath, args };
}
