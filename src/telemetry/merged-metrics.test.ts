import { expect, test } from "bun:test";
import { mergeMetrics } from "./merged-metrics.ts";

test("each sample keeps its own process, each family its one head", () => {
  const one = '# HELP a Of a.\n# TYPE a counter\na 1\na{x="1 {2}"} 2\n# TYPE b gauge\nb{} 3\n';
  const two = "# HELP a Of a.\n# TYPE a counter\na 10\n# TYPE c gauge\nc 4\n";
  expect(
    mergeMetrics([
      { id: "p", text: one },
      { id: "q", text: two },
    ]),
  ).toBe(
    [
      "# HELP a Of a.",
      "# TYPE a counter",
      'a{process="p"} 1',
      'a{process="p",x="1 {2}"} 2',
      'a{process="q"} 10',
      "# TYPE b gauge",
      'b{process="p"} 3',
      "# TYPE c gauge",
      'c{process="q"} 4',
      "",
    ].join("\n"),
  );
});
