import pino from "pino";
import type { Log } from "../model/ports/log.ts";

/** The process's log; its level can change while it runs, for its children too. */
export interface LeveledLog extends Log {
  setLevel(level: LogSettings["level"]): void;
}

export interface LogSettings {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "json" | "text";
}

/** Members that must never be printed, wherever a careless caller puts them (down to the third level). */
const SECRET_NAMES = [
  "authorization",
  "Authorization",
  "cookie",
  '["set-cookie"]',
  '["x-api-key"]',
  "apiKey",
  "credential",
  "password",
  "secret",
  "token",
];
const REDACTED = SECRET_NAMES.flatMap((name) => {
  const below = name.startsWith("[") ? name : `.${name}`;
  return [name, `*${below}`, `*.*${below}`];
});

/**
 * Structured log on standard error, so that standard output stays free for what a command prints. JSON is one object a
 * line with `time` in RFC 3339, as Splunk and Datadog read it; text is for people.
 */
export function createLog(
  settings: LogSettings,
  print: (line: string) => void = (line) => process.stderr.write(line),
  /** In every line: which of several processes speaks. */
  base?: Readonly<Record<string, unknown>>,
): LeveledLog {
  const write = (line: string) => print(settings.format === "json" ? line : readable(line));
  const logger = pino(
    {
      level: "debug",
      base: base === undefined ? undefined : { ...base },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: "[redacted]" },
      serializers: { err: describeError },
    },
    { write },
  );
  const gate = { rank: RANKS[settings.level] };
  const setLevel = (level: LogSettings["level"]) => {
    gate.rank = RANKS[level];
  };
  return { ...wrap(logger, gate), setLevel };
}

const RANKS = { debug: 0, info: 1, warn: 2, error: 3 };

/** The gate is one for a log and its children, where pino keeps a level for each. */
function wrap(logger: pino.Logger, gate: { readonly rank: number }): Log {
  return {
    debug: (fields, message) => gate.rank <= RANKS.debug && logger.debug(fields, message),
    info: (fields, message) => gate.rank <= RANKS.info && logger.info(fields, message),
    warn: (fields, message) => gate.rank <= RANKS.warn && logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(fields), gate),
  };
}

/** An error with its chain of causes; the stack of the innermost only, which is where it happened. */
function describeError(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown;
  const messages: string[] = [];
  let innermost: Error = thrown;
  for (let error: unknown = thrown; error instanceof Error && messages.length < 8; error = error.cause) {
    messages.push(`${error.name}: ${error.message}`);
    innermost = error;
  }
  return { message: messages.join(" <- "), stack: innermost.stack };
}

function readable(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields)
    .map(
      ([key, value]) => ` ${key}=${typeof value === "string" && PLAIN.test(value) ? value : quoted(value)}`,
    )
    .join("");
  const problem =
    err === undefined ? "" : `\n    ${printable((err as { message?: string }).message ?? String(err))}`;
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${printable(String(msg))}${rest}${problem}\n`;
}

const PLAIN = /^[^\s"=\p{C}]+$/u;

function quoted(value: unknown): string {
  return printable(JSON.stringify(value) ?? "undefined");
}

/** Without line breaks and terminal escapes: much of what is logged is somebody else's text. */
function printable(text: string): string {
  return text.replace(
    /\p{C}/gu,
    (char) => `\\u${(char.codePointAt(0) as number).toString(16).padStart(4, "0")}`,
  );
}
