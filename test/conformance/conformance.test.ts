import { describe, expect, test } from "bun:test";
import { cellName, cells, runCell, runDirect } from "./cells.ts";
import { isGreen, type Revision, type Scenario } from "./suite.ts";

// A cell takes a few seconds; a scenario that hangs costs its own 30 s.
const CELL_TIMEOUT_MS = 120_000;

const baselines = new Map<Revision, Promise<readonly Scenario[]>>();

function baseline(revision: Revision): Promise<readonly Scenario[]> {
  const known = baselines.get(revision) ?? runDirect(revision);
  baselines.set(revision, known);
  return known;
}

describe("the fixture by itself passes every scored scenario", () => {
  for (const revision of ["2025-11-25", "2026-07-28"] as const) {
    test(
      revision,
      async () => {
        const scored = (await baseline(revision)).filter((scenario) => scenario.isScored);
        expect(scored.filter((scenario) => !isGreen(scenario))).toEqual([]);
        expect(scored.length).toBeGreaterThanOrEqual(30);
      },
      CELL_TIMEOUT_MS,
    );
  }
});

describe("through the gateway no scored scenario is lost", () => {
  for (const cell of cells.filter((each) => each.isBinding)) {
    test(
      cellName(cell),
      async () => {
        const { failure, comparison } = await runCell(cell, await baseline(cell.client));
        const lost = new Set(comparison?.broken);
        const why = comparison?.differences.filter(({ scenario }) => lost.has(scenario));
        expect({ failure, broken: comparison?.broken, why }).toEqual({
          failure: undefined,
          broken: [],
          why: [],
        });
      },
      CELL_TIMEOUT_MS,
    );
  }
});
