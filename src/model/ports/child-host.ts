/** A process to run: no shell stands between. */
export interface ChildCommand {
  /** The server it belongs to, for logs. */
  readonly label: string;
  /** Resolved through the child's PATH unless it holds a slash. */
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the few variables every child gets (PATH, HOME, LANG, TMPDIR). */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDir: string | undefined;
}

export interface ChildLimits {
  /** Longest line taken from stdout; a longer one ends the child. */
  readonly lineBytesMax: number;
  /** Unread bytes held for a child that does not read its stdin; a line more is refused. */
  readonly unsentBytesMax: number;
}

export interface ChildListener {
  /** One line of stdout without its end. */
  onLine(line: string): void;
  /** Once: the process ended, closed its stdout, or was given up. `orderly` is exit code 0. */
  onEnd(end: { readonly reason: string; readonly orderly: boolean }): void;
}

export interface ChildState {
  readonly pid: number;
  readonly label: string;
  readonly command: string;
  readonly status: "running" | "stopping" | "exited";
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly exitCode: number | undefined;
  /** Name of the signal that ended it. */
  readonly signal: string | undefined;
  /** Why it was given up, in words for the operator. */
  readonly error: string | undefined;
}

export interface Child {
  readonly state: ChildState;
  /** The last lines of stderr, oldest first; bounded. */
  readonly stderrTail: readonly string[];
  /** Sends one line. A promise means that the child is slow; it settles when the line left. @throws Error when the child is gone or too much waits */
  write(line: string): void | Promise<void>;
  /** Closes stdin, then ends the process and everything it started. Resolves when nothing of it is left; `onEnd` is not called. */
  stop(): Promise<void>;
}

/** Runs the processes behind stdio servers and leaves none behind, however the gateway ends. */
export interface ChildHost {
  /** @throws Error whose message is the reason for the operator (command not found, not executable, no such directory) */
  start(command: ChildCommand, limits: ChildLimits, listener: ChildListener): Child;
  /** Those running and the last that ended. */
  children(): readonly ChildState[];
  /** Ends all children. Nothing can be started afterwards. */
  close(): Promise<void>;
}
