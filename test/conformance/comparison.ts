import { type Check, type CheckStatus, isGreen, type Scenario } from "./suite.ts";

/** A check that came out otherwise through the gateway than directly. */
export interface Difference {
  readonly scenario: string;
  readonly check: string;
  readonly direct: CheckStatus | "absent";
  readonly through: CheckStatus | "absent";
  readonly message: string;
}

export interface Comparison {
  readonly scenarios: number;
  readonly scored: number;
  readonly greenDirect: number;
  readonly greenThrough: number;
  /** Scored scenarios, green directly and not through the gateway: what must be empty. */
  readonly broken: readonly string[];
  /** Unscored scenarios of which the same is true. */
  readonly brokenUnscored: readonly string[];
  readonly differences: readonly Difference[];
}

export function compare(direct: readonly Scenario[], through: readonly Scenario[]): Comparison {
  const throughByName = new Map(through.map((scenario) => [scenario.name, scenario]));
  const scored = direct.filter((scenario) => scenario.isScored);
  const lost = direct.filter((scenario) => isGreen(scenario) && !isGreenIn(throughByName, scenario.name));
  return {
    scenarios: direct.length,
    scored: scored.length,
    greenDirect: scored.filter(isGreen).length,
    greenThrough: scored.filter((scenario) => isGreenIn(throughByName, scenario.name)).length,
    broken: lost.filter((scenario) => scenario.isScored).map((scenario) => scenario.name),
    brokenUnscored: lost.filter((scenario) => !scenario.isScored).map((scenario) => scenario.name),
    differences: direct.flatMap((scenario) =>
      checkDifferences(scenario, throughByName.get(scenario.name)?.checks ?? []),
    ),
  };
}

function isGreenIn(scenarios: ReadonlyMap<string, Scenario>, name: string): boolean {
  const scenario = scenarios.get(name);
  return scenario !== undefined && isGreen(scenario);
}

function checkDifferences(direct: Scenario, through: readonly Check[]): readonly Difference[] {
  const directByKey = new Map(direct.checks.map((check) => [check.key, check]));
  const throughByKey = new Map(through.map((check) => [check.key, check]));
  const keys = new Set([...directByKey.keys(), ...throughByKey.keys()]);
  return [...keys].flatMap((key) => {
    const before = directByKey.get(key)?.status ?? "absent";
    const after = throughByKey.get(key);
    if (before === (after?.status ?? "absent")) return [];
    const message = after?.message ?? "";
    return [
      { scenario: direct.name, check: key, direct: before, through: after?.status ?? "absent", message },
    ];
  });
}
