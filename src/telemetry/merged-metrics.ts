/** Metrics of one process, as Prometheus text. */
export interface ProcessMetrics {
  readonly id: string;
  readonly text: string;
}

interface Family {
  readonly head: string[];
  readonly samples: string[];
}

/**
 * One exposition of several processes: every sample gets the label `process`, so that each counter stays its own and a
 * process that begins anew resets none of the others. Sums are the query's to make.
 */
export function mergeMetrics(processes: readonly ProcessMetrics[]): string {
  const families = new Map<string, Family>();
  for (const { id, text } of processes) {
    let family: Family | undefined;
    for (const line of text.split("\n")) {
      if (line.startsWith("# ")) {
        const name = line.split(" ")[2] ?? "";
        const known = families.get(name);
        family = known ?? { head: [], samples: [] };
        if (known === undefined) families.set(name, family);
        if (!family.head.includes(line)) family.head.push(line);
      } else if (line !== "") family?.samples.push(labelled(line, id));
    }
  }
  const lines = [...families.values()].flatMap(({ head, samples }) => [...head, ...samples]);
  return `${lines.join("\n")}\n`;
}

function labelled(sample: string, process: string): string {
  const label = `process="${process}"`;
  const brace = sample.indexOf("{");
  const space = sample.indexOf(" ");
  if (brace < 0 || brace > space) return `${sample.slice(0, space)}{${label}}${sample.slice(space)}`;
  const rest = sample.slice(brace + 1);
  return `${sample.slice(0, brace)}{${label}${rest.startsWith("}") ? "" : ","}${rest}`;
}
