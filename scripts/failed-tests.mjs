// What failed in a run of `bun test`: by the report it leaves, and with the words it printed.
import { existsSync, readFileSync } from "node:fs";

/** Lines kept of what a test printed before it failed. */
const LINES_MAX = 40;

const entities = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
const plain = (text) => text.replaceAll(/&(lt|gt|quot|apos|amp);/g, (_, name) => entities[name]);

/** Each failed test of a report in JUnit's form, once: `file` (relative to where the tests ran) and `name`. */
export function failedTests(report) {
  if (!existsSync(report)) return [];
  const failed = readFileSync(report, "utf8").matchAll(/<testcase ([^>]*[^/>])>\s*<failure/g);
  return Array.from(failed, ([, attributes]) => {
    const value = (name) => plain(attributes.match(new RegExp(`(?:^| )${name}="([^"]*)"`))?.[1] ?? "");
    return { file: value("file"), name: [value("classname"), value("name")].filter(Boolean).join(" > ") };
  });
}

/** Reads a run's output as it comes, and keeps what stood before each test that failed. */
export class FailureWords {
  #before = [];
  #rest = "";
  #failures = [];

  read(chunk) {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("(fail) "))
        this.#failures.push([...this.#before.slice(-LINES_MAX), line].join("\n"));
      if (/^\((pass|fail|skip|todo)\) /.test(line)) this.#before = [];
      else this.#before.push(line);
      if (this.#before.length > 10 * LINES_MAX) this.#before = this.#before.slice(-LINES_MAX);
    }
  }

  /** One text for each failure, in the order in which they were printed. */
  get all() {
    return this.#failures;
  }
}
