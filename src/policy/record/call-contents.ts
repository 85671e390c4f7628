import type { InputRequests, InputResponses, Outcome } from "../../model/call.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import type {
  CallIntent,
  ContentLevel,
  ContentPart,
  Journal,
  KeptContent,
} from "../../model/ports/journal.ts";
import type { Sealer } from "../../model/ports/sealer.ts";
import { stringify } from "../../protocol/json.ts";
import { isObject, type JsonObject, type JsonValue } from "../../protocol/json-value.ts";
import { type JsonPath, parseJsonPath } from "../redact/json-path.ts";
import { KnownSecrets, secretsOf } from "../redact/known-secrets.ts";
import { Redaction, type Secrecy } from "../redact/redaction.ts";
import type { SchemaPlace } from "../redact/schema-marks.ts";
import { KNOWN_SECRET_NAMES, SecretNames } from "../redact/secret-names.ts";
import { sealContent } from "./sealed-content.ts";

/** The part of the configuration that may change while the process runs. A server's level is in its definition. */
export interface ContentRules {
  /** Of calls whose server is not known. */
  readonly level: ContentLevel;
  /** Of one part's text; the rest is cut off. */
  readonly bytesMax: number;
  /** Besides the known ones. */
  readonly secretNames: readonly string[];
  readonly secretPaths: readonly string[];
}

export interface CallContentDeps {
  readonly journal: Journal;
  readonly sealer: Sealer;
  /** Credentials of the gateway itself that may be presented to it. */
  readonly ownSecrets: readonly string[];
}

/** What is kept of what is said in calls: nothing, a digest, or the text, sealed, without its secrets. */
export class CallContents {
  readonly #deps: CallContentDeps;
  readonly #own: KnownSecrets;
  #rules: ContentRules;
  #secrecy: Secrecy;

  constructor(deps: CallContentDeps, rules: ContentRules) {
    this.#deps = deps;
    this.#own = new KnownSecrets(deps.ownSecrets);
    this.#rules = rules;
    this.#secrecy = secrecyOf(rules);
  }

  configure(rules: ContentRules): void {
    this.#rules = rules;
    this.#secrecy = secrecyOf(rules);
  }

  /** Whether the intent of a call has a digest of its arguments. */
  keepsDigest({ target }: Exchange): boolean {
    return (target?.server.auditContent ?? this.#rules.level) !== "none";
  }

  /** `undefined` where no text of this call is kept. */
  of(exchange: Exchange): KeptCall | undefined {
    const level = exchange.target?.server.auditContent;
    if (level !== "redacted" && level !== "full") return undefined;
    const target = exchange.target as Target;
    const redaction = new Redaction(level, this.#secrecy, [this.#own, secretsOf(target.server)]);
    return new KeptCall(this.#deps, exchange, target, level, redaction, this.#rules.bytesMax);
  }
}

function secrecyOf({ secretNames, secretPaths }: ContentRules): Secrecy {
  return {
    names: new SecretNames([...KNOWN_SECRET_NAMES, ...secretNames]),
    paths: secretPaths.map(parseJsonPath).filter((path): path is JsonPath => path !== undefined),
  };
}

/** One call whose text is kept: its arguments once, what its client answers each time it is asked, how it ended. */
export class KeptCall {
  readonly #deps: CallContentDeps;
  readonly #exchange: Exchange;
  readonly #target: Target;
  readonly #level: KeptContent;
  readonly #redaction: Redaction;
  readonly #bytesMax: number;
  readonly #hasArguments: boolean;
  /** As they are recorded; `undefined` where there are none, or they are too large to be looked at. */
  readonly argumentsText: string | undefined;

  constructor(
    deps: CallContentDeps,
    exchange: Exchange,
    target: Target,
    level: KeptContent,
    redaction: Redaction,
    bytesMax: number,
  ) {
    this.#deps = deps;
    this.#exchange = exchange;
    this.#target = target;
    this.#level = level;
    this.#redaction = redaction;
    this.#bytesMax = bytesMax;
    const { params } = exchange;
    // An extension's parameters are its arguments, whatever it calls them.
    const given = params.arguments ?? params.argument ?? (target.kind === "extension" ? params : undefined);
    this.#hasArguments = given !== undefined;
    const kept = given === undefined ? undefined : this.#redaction.part("arguments", given, inputOf(target));
    this.argumentsText = textOf(kept, exchange.exact);
  }

  /** To be called before the intent is recorded, in the same turn. From here on, answers are recorded before they go on. */
  begin(intent: CallIntent): Promise<void> | undefined {
    const exchange = this.#exchange;
    const ask = exchange.ask.bind(exchange);
    exchange.ask = (requests) => this.#ask(intent, ask, requests);
    // A modern server's questions are answered by calling it again.
    const { inputResponses } = exchange.params;
    const answers = inputResponses === undefined ? undefined : this.#answers(intent, inputResponses);
    const given = this.#hasArguments ? this.#keep(intent, "arguments", this.argumentsText, 0) : undefined;
    return both(answers, given);
  }

  /** To be called before the outcome is recorded, in the same turn. */
  end(intent: CallIntent, outcome: Outcome): Promise<void> | undefined {
    if (outcome.kind === "list") return undefined;
    const { exact } = outcome;
    if (outcome.kind === "error") {
      const kept = this.#redaction.part("error", outcome.error as unknown as JsonObject);
      return this.#keep(intent, "error", textOf(kept, exact), 0);
    }
    const kept = this.#redaction.part("result", outcome.result, outputOf(this.#target));
    return this.#keep(intent, "result", textOf(kept, exact), outcome.bytes ?? 0);
  }

  async #ask(
    intent: CallIntent,
    ask: (requests: InputRequests) => Promise<InputResponses>,
    requests: InputRequests,
  ): Promise<InputResponses> {
    const answers = await ask(requests);
    await this.#answers(intent, answers as JsonObject);
    return answers;
  }

  #answers(intent: CallIntent, answers: JsonValue): Promise<void> | undefined {
    return this.#keep(intent, "answers", textOf(this.#redaction.answers(answers), true), 0);
  }

  /** @param bytes of the text, where it is not kept */
  #keep(
    intent: CallIntent,
    part: ContentPart,
    text: string | undefined,
    bytes: number,
  ): Promise<void> | undefined {
    const { journal, sealer } = this.#deps;
    return journal.content({
      callId: intent.callId,
      organizationId: intent.principal.organizationId,
      part,
      level: this.#level,
      bytes: text === undefined ? bytes : Buffer.byteLength(text),
      sealed: sealContent(sealer, intent.callId, part, text, this.#bytesMax),
    });
  }
}

function textOf(value: JsonValue | undefined, exact: boolean): string | undefined {
  return value === undefined ? undefined : stringify(value, exact);
}

function inputOf({ definition }: Target): SchemaPlace | undefined {
  const schema = definition?.inputSchema;
  return isObject(schema) ? { schema, root: schema } : undefined;
}

/** A tool's output schema describes one member of its result, and the text that repeats it. */
function outputOf({ definition }: Target): SchemaPlace | undefined {
  const root = definition?.outputSchema;
  if (!isObject(root)) return undefined;
  const content = { items: { properties: { text: root } } };
  return { schema: { properties: { structuredContent: root, content } }, root };
}

/** Records of one turn mostly stand by one promise. */
function both(
  first: Promise<void> | undefined,
  second: Promise<void> | undefined,
): Promise<void> | undefined {
  if (first === undefined || first === second) return second;
  if (second === undefined) return first;
  const all = Promise.all([first, second]).then(() => {});
  // Whoever waits may have failed before it comes to this.
  all.catch(() => {});
  return all;
}
