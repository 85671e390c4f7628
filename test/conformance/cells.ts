import type { JsonObject } from "../../src/protocol/json-value.ts";
import type { ServerEntry } from "../e2e/gateway.ts";
import { startGateway } from "../e2e/gateway.ts";
import { fixtureEntry, fixtureStdioEntry, startFixture, type Upstream } from "../e2e/upstreams.ts";
import type { Cell } from "./cell.ts";
import { type Comparison, compare } from "./comparison.ts";
import { call, limitsOf, probe } from "./limits.ts";
import { type Revision, runSuite, type Scenario } from "./suite.ts";

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
  /** What a client gets where the other era cannot carry an assertion, in the order of the cell's limits. */
  readonly answers?: readonly JsonObject[];
  readonly failure?: string;
}

/** The assertions that were lost, as `scenario check`, beside those the other era cannot carry: equal, or the cell fails. */
export function lostAndExpected({ cell, comparison }: CellReport): { lost: string[]; expected: string[] } {
  const broken = new Set(comparison?.broken);
  const differing = (comparison?.differences ?? []).filter(({ scenario }) => broken.has(scenario));
  return {
    lost: differing.map(({ scenario, check }) => `${scenario} ${check}`).sort(),
    expected: limitsOf(cell)
      .flatMap(({ scenario, checks }) => checks.map((check) => `${scenario} ${check}`))
      .sort(),
  };
}

/** Nothing scored was lost but what the other era cannot carry, and that was lost indeed. */
export function isKept(report: CellReport): boolean {
  const { lost, expected } = lostAndExpected(report);
  return report.comparison !== undefined && Bun.deepEquals(lost, expected);
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
    return await withUpstream(cell, async (entry) => {
      await using gateway = await startGateway({ servers: [entry] });
      const url = gateway.mcpUrl(entry.name);
      if (cell.transport === "stdio" && cell.client === "2026-07-28") await startPrograms(url);
      const comparison = compare(direct, await runSuite(url, cell.client));
      // One after the other: over one channel a question cannot tell which of two calls it belongs to.
      const answers: JsonObject[] = [];
      for (const limit of limitsOf(cell)) answers.push(await probe(limit, url));
      if (!gateway.child.isRunning()) throw new Error(`the gateway ended during the run: ${gateway.logs()}`);
      return { ...report, durationMs: performance.now() - begun, comparison, answers };
    });
  } catch (error) {
    return { ...report, durationMs: performance.now() - begun, failure: String(error) };
  }
}

/**
 * A caller that can be asked has a program of its own at an older server. It is there before the suite, one of whose
 * scenarios gives a call's stream less time than a program needs to start on a machine under load.
 */
async function startPrograms(url: string): Promise<void> {
  const params = { name: "test_simple_text", arguments: {} };
  for (const capabilities of [{}, { elicitation: {} }]) await call(url, params, capabilities);
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

/**
 * Begins all of `chosen`, two at a time: each has processes of its own, and the machines that run this have two cores.
 * One promise for each, none of which rejects.
 */
export function beginCells(
  chosen: readonly Cell[],
  direct: (revision: Revision) => Promise<readonly Scenario[]>,
): ReadonlyMap<Cell, Promise<CellReport>> {
  const reports = new Map(chosen.map((cell) => [cell, Promise.withResolvers<CellReport>()]));
  const waiting = [...reports];
  async function work(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [cell, report] = next;
      const baseline = await direct(cell.client).catch(() => []);
      report.resolve(await runCell(cell, baseline));
    }
  }
  void work();
  void work();
  return new Map([...reports].map(([cell, { promise }]) => [cell, promise]));
}

/** The direct results the chosen cells are compared with. */
export async function runBaselines(
  chosen: readonly Cell[],
): Promise<ReadonlyMap<Revision, readonly Scenario[]>> {
  const revisions = [...new Set(chosen.map((cell) => cell.client))];
  const results = await Promise.all(revisions.map((revision) => runDirect(revision)));
  return new Map(revisions.map((revision, index) => [revision, results[index] ?? []]));
}
