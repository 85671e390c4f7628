import type { Command } from "commander";

/** What each file of a command exports: adds its options and subcommands to the command of its name. */
export interface CommandModule {
  readonly define: (command: Command, run: Run) => void;
}

/** Wraps an action so that what it returns becomes the exit code. */
export type Run = <A extends readonly unknown[]>(
  action: (...args: A) => Promise<number> | number,
) => (...args: A) => Promise<void>;
