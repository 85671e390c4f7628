import type { Outcome } from "../../model/call.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import type { Log } from "../../model/ports/log.ts";
import { approximate } from "../../protocol/json-exact.ts";
import { isObject, type JsonObject, type JsonValue } from "../../protocol/json-value.ts";
import type { Next, Policy } from "../policy.ts";
import { isPlainMatch, type PlainSchema, plainSchema } from "./plain-schema.ts";
import type { Validator } from "./schema-validator.ts";
import { ValidatorCache } from "./validator-cache.ts";

type Compile = (schema: JsonObject) => Validator;

/** A compiled one takes some 10 KiB, a plain one 1; past it the ones unused for longest are made again when they are needed. */
const VALIDATORS_MAX = 20_000;

/** What was made of one tool's schema. */
interface Made {
  readonly plain: PlainSchema | undefined;
  /** Made when there is no plain one, or it did not say yes: of most tools never. */
  full: Validator | undefined;
}

/**
 * Checks a tool's arguments against its schema before its server sees them. A failure is a tool result with
 * `isError: true`, so that the model reads what to correct. Common schemas are checked by code all share (ADR 0034); the
 * compiler is loaded when the first call needs it, and each schema compiled once. What was made goes with its definition.
 */
export function validatePolicy(log: Log): Policy<Exchange, Outcome> {
  const made = new ValidatorCache<Made>(VALIDATORS_MAX);
  let compile: Compile | undefined;

  const madeOf = (definition: JsonObject): Made => {
    const known = made.get(definition);
    if (known !== undefined) return known;
    const schema = definition.inputSchema;
    const plain = isObject(schema) ? plainSchema(approximate(schema) as JsonObject) : undefined;
    const one: Made = { plain, full: undefined };
    made.set(definition, one);
    return one;
  };

  const fullOf = (one: Made, definition: JsonObject, target: Target, ready: Compile): Validator => {
    if (one.full !== undefined) return one.full;
    const schema = definition.inputSchema;
    one.full = isObject(schema)
      ? ready(approximate(schema) as JsonObject)
      : { kind: "unusable", reason: "the tool has no inputSchema" };
    if (one.full.kind === "unusable") {
      log.warn(
        { server: target.server.name, tool: target.name, reason: one.full.reason },
        "arguments of this tool are not validated",
      );
    }
    return one.full;
  };

  const decide = (
    exchange: Exchange,
    target: Target,
    validator: Validator,
    given: JsonValue,
    next: Next<Exchange, Outcome>,
  ): Outcome | Promise<Outcome> => {
    const problem = validator.kind === "unusable" ? undefined : validator.check(given);
    if (problem === undefined) return next(exchange);
    if (target.server.validate === "report") {
      log.warn(
        { server: target.server.name, tool: target.name, problem },
        "arguments do not match the schema",
      );
      return next(exchange);
    }
    return invalidArguments(problem);
  };

  return (exchange, next) => {
    const { target } = exchange;
    const definition = target?.definition;
    if (target?.kind !== "tool" || definition === undefined || target.server.validate === "off") {
      return next(exchange);
    }
    const one = madeOf(definition);
    const sent = (exchange.params.arguments ?? {}) as JsonValue;
    const given = exchange.exact ? approximate(sent) : sent;
    if (one.plain !== undefined && isPlainMatch(one.plain, given)) return next(exchange);
    if (compile !== undefined)
      return decide(exchange, target, fullOf(one, definition, target, compile), given, next);
    return import("./schema-validator.ts").then((module) => {
      compile = module.compileSchema;
      return decide(exchange, target, fullOf(one, definition, target, compile), given, next);
    });
  };
}

function invalidArguments(problem: string): Outcome {
  const text = `Invalid arguments: ${problem}. Correct the arguments and call the tool again.`;
  return { kind: "result", result: { content: [{ type: "text", text }], isError: true }, exact: false };
}
