// The official conformance suite against the fixture directly and through the gateway, and what differs.
//   bun test/conformance/run.ts [--json] [--direct] [--cell TEXT] [--differences]
// Ends with 1 when an assertion is lost through the gateway that limits.ts does not explain, or one is not that it does.
import { parseArgs } from "node:util";
import {
  beginCells,
  type CellReport,
  cellName,
  cells,
  isKept,
  lostAndExpected,
  runBaselines,
} from "./cells.ts";
import { isGreen, type Revision, type Scenario } from "./suite.ts";

const { values } = parseArgs({
  options: {
    /** One JSON document instead of the table. */
    json: { type: "boolean", default: false },
    /** The fixture alone, no gateway. */
    direct: { type: "boolean", default: false },
    /** Only cells whose name contains this. */
    cell: { type: "string", default: "" },
    /** Every differing check, and not only those of lost scenarios. */
    differences: { type: "boolean", default: false },
  },
});

function directLine(revision: Revision, scenarios: readonly Scenario[]): string {
  const scored = scenarios.filter((scenario) => scenario.isScored);
  const red = scored.filter((scenario) => !isGreen(scenario)).map((scenario) => scenario.name);
  return `${revision} > fixture: ${scored.length - red.length} of ${scored.length} scored scenarios green ${red.join(" ")}`;
}

function cellLines(report: CellReport): string[] {
  const seconds = `${(report.durationMs / 1000).toFixed(1)} s`;
  const { comparison } = report;
  if (comparison === undefined) return [`${report.name}: DID NOT RUN, ${seconds}: ${report.failure}`];
  const { greenThrough, greenDirect, broken, brokenUnscored } = comparison;
  const { lost, expected } = lostAndExpected(report);
  const red = new Set([...broken, ...brokenUnscored]);
  const shown = comparison.differences.filter(({ scenario }) => values.differences || red.has(scenario));
  return [
    `${report.name}: ${greenThrough} of ${greenDirect} green, ${seconds}`,
    ...expected.map((name) =>
      lost.includes(name) ? `  not carried by the other era: ${name}` : `  PASSES, BUT SHOULD NOT: ${name}`,
    ),
    ...lost.filter((name) => !expected.includes(name)).map((name) => `  LOST ${name}`),
    ...brokenUnscored.map((name) => `  lost, unscored: ${name}`),
    ...shown.map(
      ({ scenario, check, direct, through, message }) =>
        `    ${scenario} ${check}: ${direct} -> ${through} ${message.slice(0, 300)}`,
    ),
  ];
}

const chosen = cells.filter((cell) => cellName(cell).includes(values.cell));
const direct = await runBaselines(chosen);
const directIsGreen = [...direct.values()]
  .flat()
  .every((scenario) => !scenario.isScored || isGreen(scenario));
const reports = values.direct
  ? []
  : await Promise.all(beginCells(chosen, async (revision) => direct.get(revision) ?? []).values());

if (values.json) {
  console.log(JSON.stringify({ direct: Object.fromEntries(direct), cells: reports }, undefined, 2));
} else {
  for (const [revision, scenarios] of direct) console.log(directLine(revision, scenarios));
  for (const report of reports) console.log(cellLines(report).join("\n"));
}
process.exit(directIsGreen && chosen.length > 0 && reports.every(isKept) ? 0 : 1);
