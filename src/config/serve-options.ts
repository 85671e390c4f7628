import type { ConfigProblem } from "./problem.ts";
import type { Settings } from "./settings.ts";

/** One attempt to read the configuration: the whole of it, or every reason why not. */
export type Reloaded = { readonly settings: Settings } | { readonly problems: readonly ConfigProblem[] };

/** One of several processes that share a port, as its supervisor started it. */
export interface WorkerPlace {
  /** Equal for all of them. */
  readonly replica: string;
  /** From 0; the first serves the command line. */
  readonly index: number;
  /** It takes the place of one that died, while others serve. */
  readonly isReplacement: boolean;
}

/** What the command line hands to the gateway's life cycle. */
export interface ServeOptions {
  readonly settings: Settings;
  /** Reads file, environment and flags again, as at the start; never throws. */
  readonly reload: () => Promise<Reloaded>;
  /** The file to watch; undefined where the configuration is environment and flags alone. */
  readonly configPath: string | undefined;
  /** Serve the demonstration servers (`--demo`, `features.demo`). */
  readonly demo: boolean;
  /** What the operator should know and no log carried yet: ignored variables, settings of no effect. */
  readonly notes: readonly string[];
  /** Set in a process that a supervisor started. */
  readonly worker: WorkerPlace | undefined;
}
