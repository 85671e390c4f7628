import { ConfigError } from "../config/problem.ts";
import { GatewayError } from "../errors/gateway-error.ts";

/** Exit codes of every command. */
export const EXIT = { ok: 0, failure: 1, usage: 2 } as const;

/** What the user can put right, said in one line: no stack is shown. */
export class CommandError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.failure) {
    super(message);
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}

// `… | head -1` has read enough: what is left to say is said to nobody, and the command ends as it would have.
process.stdout.on("error", (failure: NodeJS.ErrnoException) => {
  if (failure.code !== "EPIPE") throw failure;
});

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}
/** For people: progress and warnings, which no script reads. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Says why a command failed and returns its exit code. */
export function reportFailure(error: unknown): number {
  if (error instanceof ConfigError) {
    note(error.message);
    return EXIT.usage;
  }
  if (error instanceof CommandError) {
    note(`error: ${error.message}`);
    return error.exitCode;
  }
  if (error instanceof GatewayError) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
    note(`error: ${error.plainMessage}${cause}`);
    return EXIT.failure;
  }
  // A mistake in a source file, which Bun's own words do not place.
  if (error instanceof BuildMessage && error.position !== null) {
    const { file, line, column } = error.position;
    note(`error: ${file}:${line}:${column}: ${error.message}`);
    return EXIT.failure;
  }
  note(error instanceof Error ? `error: ${error.stack ?? error.message}` : `error: ${String(error)}`);
  return EXIT.failure;
}

/** Rows under their headings, in columns as wide as needed. */
export function printTable(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  for (const row of [headings, ...rows])
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}
