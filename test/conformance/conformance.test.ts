import { beforeAll, describe, expect, test } from "bun:test";
import type { Cell } from "./cell.ts";
import { beginCells, type CellReport, cellName, cells, lostAndExpected, runDirect } from "./cells.ts";
import { limitsOf } from "./limits.ts";
import { isGreen, type Revision, type Scenario } from "./suite.ts";

// A cell takes a few seconds, all of them less than a minute; a scenario that hangs costs its own 30 s.
const MATRIX_TIMEOUT_MS = 240_000;

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
      MATRIX_TIMEOUT_MS,
    );
  }
});

let reports: ReadonlyMap<Cell, Promise<CellReport>>;
beforeAll(() => {
  reports = beginCells(cells, baseline);
});

describe("through the gateway nothing scored is lost but what the other era cannot carry", () => {
  for (const cell of cells) {
    test(
      cellName(cell),
      async () => {
        const report = (await reports.get(cell)) as CellReport;
        const { lost, expected } = lostAndExpected(report);
        const why = report.comparison?.differences
          .filter(({ scenario, check }) => lost.includes(`${scenario} ${check}`))
          .map(({ check, message }) => ({ check, message }));
        const { failure } = report;
        if (!Bun.deepEquals(lost, expected)) console.error(cellName(cell), why);
        expect({ failure, lost }).toEqual({ failure: undefined, lost: expected });
        const limits = limitsOf(cell);
        expect(report.answers).toHaveLength(limits.length);
        limits.forEach(({ probe: { gets } }, index) => {
          expect(report.answers?.[index]).toMatchObject(gets);
        });
      },
      MATRIX_TIMEOUT_MS,
    );
  }
});
