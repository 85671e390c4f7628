import { variables } from "./environment.ts";
import { isKubernetesLink } from "./kubernetes-link.ts";
import { type ConfigProblem, nearest } from "./problem.ts";
import type { Environment } from "./substitution.ts";

const PREFIX = "MCP_GATEWAY_";

/** No settings, but of the gateway's own surroundings: its clients, its children, its development, its tests. */
const neighbours = /^MCP_GATEWAY_(KEY|ENDPOINT|CHILD|WATCH|TEST_\w+)$/;

/**
 * Variables that look like settings and are none: a mistake, as an unknown key of the file is. Left out are those the
 * file itself takes as `${NAME}`, what nobody set by hand, and empty ones, which count as not set.
 */
export function unknownVariables(
  environment: Environment,
  takenByFile: ReadonlySet<string>,
): ConfigProblem[] {
  const known = new Set(variables.flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name])));
  const problems: ConfigProblem[] = [];
  for (const [name, value = ""] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || value.trim() === "" || known.has(name)) continue;
    if (takenByFile.has(name) || neighbours.test(name) || isKubernetesLink(name, value)) continue;
    const near = nearest(name, known);
    problems.push({
      source: { kind: "environment", name },
      key: "",
      found: "a variable that is no setting",
      expected: `one of those docs/configuration.md lists, since it begins with ${PREFIX}`,
      fix: near === undefined ? "unset it, or name it otherwise" : `did you mean ${near}?`,
    });
  }
  return problems;
}
