import { describe, expect, test } from "bun:test";
import { cellName, cells, runCell, runDirect } from "./cells.ts";
import { limitsOf } from "./limits.ts";
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

describe("through the gateway no scored scenario is lost but what the other era cannot carry", () => {
  for (const cell of cells) {
    test(
      cellName(cell),
      async () => {
        const { failure, comparison } = await runCell(cell, await baseline(cell.client));
        const limits = limitsOf(cell);
        const lost = comparison?.broken ?? [];
        const differing = (comparison?.differences ?? []).filter(({ scenario }) => lost.includes(scenario));
        expect({
          failure,
          lost: [...lost].sort(),
          checks: differing.map(({ check }) => check).sort(),
        }).toEqual({
          failure: undefined,
          lost: [...new Set(limits.map(({ scenario }) => scenario))].sort(),
          checks: limits.flatMap(({ checks }) => checks).sort(),
        });
      },
      CELL_TIMEOUT_MS,
    );
  }
});
