import type { ServerEntry } from "../e2e/gateway.ts";
import { startGateway } from "../e2e/gateway.ts";
import { type Era, fixtureEntry, fixtureStdioEntry, startFixture, type Upstream } from "../e2e/upstreams.ts";
import { type Comparison, compare } from "./comparison.ts";
import { limitsOf } from "./limits.ts";
import { type Revision, runSuite, type Scenario } from "./suite.ts";

/** One way through the gateway: which client, which upstream, over what. */
export interface Cell {
  readonly client: Revision;
  readonly upstream: Era;
  readonly transport: "http" | "stdio" | "sse";
}

const REVISIONS = ["2025-11-25", "2026-07-28"] as const satisfies readonly Revision[];
const UPSTREAMS: readonly Pick<Cell, "upstream" | "transport">[] = [
  { upstream: "legacy", transport: "http" },
  { upstream: "legacy", transport: "sse" },
  { upstream: "legacy", transport: "stdio" },
  { upstream: "modern", transport: "http" },
  { upstream: "modern", transport: "stdio" },
  { upstream: "both", transport: "http" },
  { upstream: "both", transport: "stdio" },
];

/** The matrix: each client era at each kind of server, over what that kind speaks. HTTP+SSE is of 2024-11-05 alone. */
export const cells: readonly Cell[] = REVISIONS.flatMap((client) =>
  UPSTREAMS.map((upstream) => ({ client, ...upstream })),
);

export function cellName(cell: Cell): string {
  return `${cell.client} > gateway > ${cell.upstream} ${cell.transport}`;
}

/** How one cell came out. `failure` is there when it could not be run at all. */
export interface CellReport {
  readonly cell: Cell;
  readonly name: string;
  readonly durationMs: number;
  readonly comparison?: Comparison;
  readonly failure?: string;
}

/** Nothing scored was lost but what the other era cannot carry. */
export function isKept(report: CellReport): boolean {
  const limits = new Set(limitsOf(report.cell).map(({ scenario }) => scenario));
  return (
    report.failure === undefined &&
    report.comparison?.broken.every((scenario) => limits.has(scenario)) === true
  );
}

/** What the fixture does without a gateway, on the wire of `revision`: what the cells of that client are held to. */
export async function runDirect(revision: Revision): Promise<readonly Scenario[]> {
  const fixture = await startFixture(revision === "2026-07-28" ? "modern" : "legacy");
  try {
    return await runSuite(fixture.url, revision);
  } finally {
    await fixture.stop();
  }
}

/** A fixture and a gateway of the cell's own, and the suite against the gateway's endpoint for that one server. */
export async function runCell(cell: Cell, direct: readonly Scenario[]): Promise<CellReport> {
  const begun = performance.now();
  const report = { cell, name: cellName(cell) };
  try {
    const through = await withUpstream(cell, async (entry) => {
      await using gateway = await startGateway({ servers: [entry] });
      const scenarios = await runSuite(gateway.mcpUrl(entry.name), cell.client);
      if (!gateway.child.isRunning()) throw new Error(`the gateway ended during the run: ${gateway.logs()}`);
      return scenarios;
    });
    return { ...report, durationMs: performance.now() - begun, comparison: compare(direct, through) };
  } catch (error) {
    return { ...report, durationMs: performance.now() - begun, failure: String(error) };
  }
}

async function withUpstream<T>(cell: Cell, use: (entry: ServerEntry) => Promise<T>): Promise<T> {
  if (cell.transport === "stdio") return await use(fixtureStdioEntry("everything", cell.upstream));
  const upstream: Upstream = await startFixture(cell.upstream, cell.transport);
  try {
    return await use(
      fixtureEntry("everything", upstream, cell.transport === "sse" ? "sse" : "streamable-http"),
    );
  } finally {
    await upstream.stop();
  }
}

/** All of `chosen`, two at a time: each has processes of its own, and the machines that run this have two cores. */
export async function runCells(
  chosen: readonly Cell[],
  directByRevision: ReadonlyMap<Revision, readonly Scenario[]>,
): Promise<readonly CellReport[]> {
  const reports = new Map<Cell, CellReport>();
  const waiting = [...chosen];
  async function work(): Promise<void> {
    for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) {
      reports.set(cell, await runCell(cell, directByRevision.get(cell.client) ?? []));
    }
  }
  await Promise.all([work(), work()]);
  return chosen.flatMap((cell) => reports.get(cell) ?? []);
}

/** The direct results the chosen cells are compared with. */
export async function runBaselines(
  chosen: readonly Cell[],
): Promise<ReadonlyMap<Revision, readonly Scenario[]>> {
  const revisions = [...new Set(chosen.map((cell) => cell.client))];
  const results = await Promise.all(revisions.map((revision) => runDirect(revision)));
  return new Map(revisions.map((revision, index) => [revision, results[index] ?? []]));
}
