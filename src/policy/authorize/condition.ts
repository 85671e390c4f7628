import type { ASTNode, Environment } from "@marcbachmann/cel-js";
import { RE2JS } from "re2js";
import type { OperationObject } from "../../model/operation.ts";
import type { Principal } from "../../model/principal.ts";

/** What a condition sees. Without `args` only conditions on what never changes between two calls are asked. */
export interface ConditionContext {
  readonly principal: ConditionPrincipal;
  readonly tool: ConditionTool;
  readonly args: Readonly<Record<string, unknown>>;
  readonly time: Date;
  readonly client_address: string;
}

/** What a condition about an act of administration sees. */
export interface ActContext {
  readonly principal: ConditionPrincipal;
  readonly target: ConditionTarget;
  readonly time: Date;
  readonly client_address: string;
}
/** What a rule is about decides what its condition may ask. */
export type ConditionSubject = "call" | "act" | "route";

/** A condition that was checked: its types are right and its cost is bounded. */
export interface Condition {
  readonly source: string;
  /** Reads arguments, time or address: decided per call, so that its target stays visible. */
  readonly dependsOnCall: boolean;
  readonly readsArguments: boolean;
  readonly readsPrincipal: boolean;
  readonly readsTool: boolean;
  /** The object of an act. */
  readonly readsTarget: boolean;
  /** @throws whatever goes wrong, also where the answer is neither true nor false: the caller denies then. */
  holds(context: ConditionContext | ActContext): boolean;
}

/** What is wrong with a condition, and where: both count from 1. */
export interface ConditionFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export class ConditionPrincipal {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly role: string;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  constructor({ id, kind, name, role, groups = [], scopes = [] }: Principal) {
    this.id = id;
    this.kind = kind;
    this.name = name;
    this.role = role;
    this.groups = groups;
    this.scopes = scopes;
  }
}

export class ConditionTool {
  readonly namespace: string;
  readonly kind: string;
  readonly server: string;
  readonly name: string;
  readonly annotations: Readonly<Record<string, unknown>>;
  constructor(
    namespace: string,
    kind: string,
    server: string,
    name: string,
    annotations: Readonly<Record<string, unknown>>,
  ) {
    this.namespace = namespace;
    this.kind = kind;
    this.server = server;
    this.name = name;
    this.annotations = annotations;
  }
}

/** The object of an act; a member it does not have is empty. */
export class ConditionTarget {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  /** The slug; empty for what belongs to the whole organisation. */
  readonly namespace: string;
  constructor({ kind, id = "", name = "", namespaceSlug = "" }: OperationObject) {
    this.kind = kind;
    this.id = id;
    this.name = name;
    this.namespace = namespaceSlug;
  }
}

export const CONDITION_LENGTH_MAX = 2_000;
/** A regular expression looks at no longer text, a comprehension at no more arguments: past it the condition fails. */
const MATCHED_CHARS_MAX = 10_000;
const VISITED_VALUES_MAX = 10_000;
const COMPREHENSIONS = new Set(["all", "exists", "exists_one", "map", "filter"]);
/** As long as the name it replaces, so that positions stay true. The library's own `matches` can take exponential time. */
const LINEAR_MATCHES = "matchRe";
/** Of time, in a time zone that may be named. */
const OF_A_TIME = new Set(
  [
    "Date",
    "DayOfMonth",
    "DayOfWeek",
    "DayOfYear",
    "FullYear",
    "Hours",
    "Milliseconds",
    "Minutes",
    "Month",
    "Seconds",
  ].map((part) => `get${part}`),
);
const OF_A_CALL = new Set(["args", "time", "client_address"]);
/** What conditions on acts are told that they may not ask. */
const OF_CALLS_ALONE = new Set(["args", "tool"]);
/** And those on routes, which are decided for all requests of a caller alike. */
const OF_ONE_REQUEST = new Set(["args", "tool", "time", "client_address"]);

const loaded: { [subject in ConditionSubject]?: Environment } = {};

/** The language is loaded with the first condition: a gateway without any starts sooner and is smaller. */
function language(subject: ConditionSubject): Environment {
  loaded[subject] ??= createLanguage(subject);
  return loaded[subject];
}

function createLanguage(subject: ConditionSubject): Environment {
  // An import would load it at the start of every gateway.
  // oxlint-disable-next-line typescript/no-require-imports
  const cel = require("@marcbachmann/cel-js") as typeof import("@marcbachmann/cel-js");
  const common = new cel.Environment({
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 200, maxDepth: 24, maxListElements: 200, maxMapEntries: 50, maxCallArguments: 8 },
  })
    .registerType("Principal", {
      ctor: ConditionPrincipal,
      fields: {
        id: "string",
        kind: "string",
        name: "string",
        role: "string",
        groups: "list<string>",
        scopes: "list<string>",
      },
    })
    .registerType("Tool", {
      ctor: ConditionTool,
      fields: {
        namespace: "string",
        kind: "string",
        server: "string",
        name: "string",
        annotations: "map<string, dyn>",
      },
    })
    .registerVariable("principal", "Principal")
    .registerVariable("time", "google.protobuf.Timestamp")
    .registerVariable("client_address", "string")
    .registerFunction(`string.${LINEAR_MATCHES}(string): bool`, matchesLinearly);
  const text = { kind: "string", id: "string", name: "string", namespace: "string" };
  return subject === "act"
    ? common
        .registerType("Target", { ctor: ConditionTarget, fields: text })
        .registerVariable("target", "Target")
    : common.registerVariable("tool", "Tool").registerVariable("args", "map<string, dyn>");
}

const COMPILED_MAX = 20_000;
const compiled = new Map<string, Condition | ConditionFault>();

/** Checks and compiles; the same text is compiled once. */
export function compileCondition(
  source: string,
  subject: ConditionSubject = "call",
): Condition | ConditionFault {
  const key = `${subject} ${source}`;
  let known = compiled.get(key);
  if (known === undefined) {
    known = compile(source, subject);
    if (compiled.size >= COMPILED_MAX) compiled.clear();
    compiled.set(key, known);
  }
  return known;
}

export function isFault(result: Condition | ConditionFault): result is ConditionFault {
  return "message" in result;
}

function compile(source: string, subject: ConditionSubject): Condition | ConditionFault {
  if (source.length > CONDITION_LENGTH_MAX)
    return { line: 1, column: 1, message: `longer than ${CONDITION_LENGTH_MAX} characters` };
  const environment = language(subject);
  try {
    const survey = new Survey(source, subject);
    survey.visit(environment.parse(source).ast, 0);
    const checked = environment.check(survey.linearSource);
    if (!checked.valid) throw checked.error;
    if (checked.type !== "bool" && checked.type !== "dyn") {
      return {
        line: 1,
        column: 1,
        message: `its value is ${String(checked.type)}, and must be true or false`,
      };
    }
    const run = environment.parse(survey.linearSource);
    return {
      source,
      dependsOnCall: [...survey.names].some((name) => OF_A_CALL.has(name)),
      readsArguments: survey.names.has("args"),
      readsPrincipal: survey.names.has("principal"),
      readsTool: survey.names.has("tool"),
      readsTarget: survey.names.has("target"),
      holds(context) {
        if (survey.hasComprehension && "args" in context && !isSmall(context.args))
          throw new Error("more arguments than a condition may visit");
        const answer: unknown = run(context);
        if (typeof answer !== "boolean") throw new Error("neither true nor false");
        return answer;
      },
    };
  } catch (thrown) {
    return faultOf(thrown, source);
  }
}

/** What an expression uses, and the parts the language allows and we do not. */
class Survey {
  readonly names = new Set<string>();
  hasComprehension = false;
  linearSource: string;
  readonly #subject: ConditionSubject;

  constructor(source: string, subject: ConditionSubject) {
    this.linearSource = source;
    this.#subject = subject;
  }

  visit(node: ASTNode, comprehensions: number): void {
    let inside = comprehensions;
    if (node.op === "id") {
      if (this.#subject === "act" && OF_CALLS_ALONE.has(node.args))
        throw new Located(`an act of administration has no ${node.args}`, node.start);
      if (this.#subject === "route" && OF_ONE_REQUEST.has(node.args))
        throw new Located(`a route may ask about the principal alone, not ${node.args}`, node.start);
      this.names.add(node.args);
    }
    if (node.op === "rcall") {
      const [name, receiver, args] = node.args;
      if (name === "matches") this.#linearise(receiver, args);
      if (OF_A_TIME.has(name)) checkTimeZone(args);
      if (COMPREHENSIONS.has(name)) {
        this.hasComprehension = true;
        inside++;
        if (inside > 1) throw new Located("comprehensions may not be nested", node.start);
      }
    }
    for (const child of childrenOf(node.args)) this.visit(child, inside);
  }

  #linearise(receiver: ASTNode, [pattern]: ASTNode[]): void {
    if (pattern?.op !== "value" || typeof pattern.args !== "string")
      throw new Located("the pattern of matches must be written out", receiver.end);
    try {
      linearPattern(pattern.args);
    } catch {
      throw new Located("not a regular expression of RE2", pattern.start);
    }
    const at = this.linearSource.indexOf("matches", receiver.end);
    this.linearSource = `${this.linearSource.slice(0, at)}${LINEAR_MATCHES}${this.linearSource.slice(at + LINEAR_MATCHES.length)}`;
  }
}

/** One written out wrongly would fail in every call, and so deny. */
function checkTimeZone([zone]: ASTNode[]): void {
  if (zone?.op !== "value" || typeof zone.args !== "string") return;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone.args });
  } catch {
    throw new Located(`no time zone is called ${zone.args}`, zone.start);
  }
}

function* childrenOf(value: unknown): Iterable<ASTNode> {
  if (Array.isArray(value)) for (const one of value) yield* childrenOf(one);
  else if (typeof value === "object" && value !== null && "op" in value) yield value as ASTNode;
}

class Located extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** Of a name that is not known: as much as tells it apart. */
const WORD_CHARS_MAX = 64;

function shortened(message: string): string {
  return message.replaceAll(/\S+/g, (word) =>
    word.length <= WORD_CHARS_MAX ? word : `${word.slice(0, WORD_CHARS_MAX - 1)}…`,
  );
}

function faultOf(thrown: unknown, source: string): ConditionFault {
  const { range, summary } = thrown as { range?: { start: number }; summary?: string };
  const at = thrown instanceof Located ? thrown.at : (range?.start ?? 0);
  const before = source.slice(0, at).split("\n");
  const message = (summary ?? (thrown as Error).message).replaceAll(LINEAR_MATCHES, "matches");
  return { line: before.length, column: (before.at(-1) as string).length + 1, message: shortened(message) };
}

const PATTERNS_MAX = 10_000;
const patterns = new Map<string, RE2JS>();

function linearPattern(pattern: string): RE2JS {
  let known = patterns.get(pattern);
  if (known === undefined) {
    known = RE2JS.compile(pattern);
    if (patterns.size >= PATTERNS_MAX) patterns.clear();
    patterns.set(pattern, known);
  }
  return known;
}

function matchesLinearly(text: string, pattern: string): boolean {
  if (text.length > MATCHED_CHARS_MAX) throw new Error("a longer text than a condition may match");
  return linearPattern(pattern).matcher(text).find();
}

function isSmall(args: unknown): boolean {
  let left = VISITED_VALUES_MAX;
  const visit = (value: unknown): boolean => {
    if (--left < 0) return false;
    if (typeof value !== "object" || value === null) return true;
    for (const key in value) if (!visit((value as Record<string, unknown>)[key])) return false;
    return true;
  };
  return visit(args);
}
