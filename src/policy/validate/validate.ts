import type { Outcome } from "../../model/call.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import type { Log } from "../../model/ports/log.ts";
import { approximate } from "../../protocol/json-exact.ts";
import { isObject, type JsonObject, type JsonValue } from "../../protocol/json-value.ts";
import type { Next, Policy } from "../policy.ts";
import type { Validator } from "./schema-validator.ts";
import { ValidatorCache } from "./validator-cache.ts";

type Compile = (schema: JsonObject) => Validator;

/** Some 10 KiB each; past it the ones unused for longest are compiled again when they are needed. */
const VALIDATORS_MAX = 20_000;

/**
 * Checks a tool's arguments against its schema before its server sees them. A failure is a tool result with
 * `isError: true`, so that the model reads what to correct. The compiler is loaded when the first call needs it and
 * each schema is compiled once; a definition that goes away takes its validator along.
 */
export function validatePolicy(log: Log): Policy<Exchange, Outcome> {
  const validators = new ValidatorCache<Validator>(VALIDATORS_MAX);
  let compile: Compile | undefined;

  const validatorOf = (definition: JsonObject, target: Target, ready: Compile): Validator => {
    let validator = validators.get(definition);
    if (validator === undefined) {
      const schema = definition.inputSchema;
      validator = isObject(schema)
        ? ready(approximate(schema) as JsonObject)
        : { kind: "unusable", reason: "the tool has no inputSchema" };
      validators.set(definition, validator);
      if (validator.kind === "unusable") {
        log.warn(
          { server: target.server.name, tool: target.name, reason: validator.reason },
          "arguments of this tool are not validated",
        );
      }
    }
    return validator;
  };

  const check = (
    exchange: Exchange,
    target: Target,
    definition: JsonObject,
    ready: Compile,
  ): string | undefined => {
    const validator = validatorOf(definition, target, ready);
    if (validator.kind === "unusable") return undefined;
    const given = exchange.params.arguments ?? {};
    return validator.check(exchange.exact ? approximate(given as JsonValue) : (given as JsonValue));
  };

  const decide = (
    exchange: Exchange,
    target: Target,
    definition: JsonObject,
    next: Next<Exchange, Outcome>,
    ready: Compile,
  ): Outcome | Promise<Outcome> => {
    const problem = check(exchange, target, definition, ready);
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

  const decideLater = async (
    exchange: Exchange,
    target: Target,
    definition: JsonObject,
    next: Next<Exchange, Outcome>,
  ): Promise<Outcome> => {
    const module = await import("./schema-validator.ts");
    compile = module.compileSchema;
    return decide(exchange, target, definition, next, compile);
  };

  return (exchange, next) => {
    const { target } = exchange;
    if (target?.kind !== "tool" || target.definition === undefined || target.server.validate === "off") {
      return next(exchange);
    }
    return compile === undefined
      ? decideLater(exchange, target, target.definition, next)
      : decide(exchange, target, target.definition, next, compile);
  };
}

function invalidArguments(problem: string): Outcome {
  const text = `Invalid arguments: ${problem}. Correct the arguments and call the tool again.`;
  return { kind: "result", result: { content: [{ type: "text", text }], isError: true }, exact: false };
}
