import type { OutcomeStatus, RecordKind } from "../model/ports/journal.ts";
import {
  type CallEndFields,
  type ChainLink,
  type DrainedRecord,
  proofBytes,
  proofParts,
} from "../model/ports/record-sink.ts";
import { PackedCall, PackedLink } from "./packed-record.ts";

const uuidChars = 36;
const quotationMark = 0x22;
const backslash = 0x5c;
const openingBrace = 0x7b;
const noDigit = 255;

const ascii = (text: string): Uint8Array => Buffer.from(text, "latin1");
const marks = {
  chain: ascii('{"head":{"chain":"'),
  sequence: ascii('","sequence":'),
  previous: ascii(',"previous":"'),
  time: ascii('","time":'),
  tenant: ascii(',"tenant":"'),
  intent: ascii('","kind":"call_intent","digest":"'),
  outcome: ascii('","kind":"call_outcome","digest":"'),
  link: ascii('"},"link":"'),
  salt: ascii('","salt":"'),
  body: ascii('","body":{"callId":"'),
  status: ascii(',"status":"'),
  errorCode: ascii(',"errorCode":"'),
  duration: ascii(',"durationMs":'),
  resultBytes: ascii(',"resultBytes":'),
  end: ascii("}}"),
};
/** Of an intent after its id, in their order, and whether each must be there. */
const members: readonly (readonly [mark: Uint8Array, isRequired: boolean])[] = [
  [ascii(',"correlationId":"'), true],
  [ascii(',"principalId":"'), true],
  [ascii(',"principalName":"'), true],
  [ascii(',"namespaceId":"'), true],
  [ascii(',"method":"'), true],
  [ascii(',"serverId":"'), false],
  [ascii(',"serverName":"'), false],
  [ascii(',"servedBy":"'), false],
  [ascii(',"target":"'), false],
  [ascii(',"argumentsDigest":"'), false],
  [ascii(',"clientAddress":"'), true],
  [ascii(',"clientName":"'), false],
  [ascii(',"era":"'), true],
  [ascii(',"traceId":"'), false],
];
const digitOf = new Uint8Array(256).fill(noDigit);
for (const [digit, char] of [..."0123456789abcdef"].entries()) digitOf[char.charCodeAt(0)] = digit;

/**
 * Reads the lines of intents and outcomes, nearly all of a journal, by the places their members have, as bytes: the
 * hashes become half as many, the call's fields stay the JSON they are, and text is made of ids alone. It reads only
 * what the journal itself writes, and of that only lines without an escape, where a quotation mark is always the end of
 * a string: what it takes is well-formed JSON. For any other line the answer is `undefined`: `parseLine` and `rowOf`
 * then decide what it is.
 */
export class CallLineReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** False from the first member on that is not where it should be. */
  #isSound = true;
  #chain = new RepeatedText();
  #tenant = new RepeatedText();
  read(bytes: Buffer): DrainedRecord | undefined {
    this.#bytes = bytes;
    this.#at = 0;
    this.#isSound = true;
    const record = this.#record();
    return this.#isSound && this.#at === bytes.length ? record : undefined;
  }

  #record(): DrainedRecord | undefined {
    // Of its own: a small array costs half of what a view of a larger one does.
    const proof = new Uint8Array(proofBytes);
    this.#skip(marks.chain);
    const chainId = this.#chain.at(this.#bytes, this.#at, this.#at + uuidChars);
    this.#at += uuidChars;
    this.#skip(marks.sequence);
    const sequence = this.#integer();
    this.#skip(marks.previous);
    this.#hash(proof, proofParts.previous);
    this.#skip(marks.time);
    const time = this.#integer();
    this.#skip(marks.tenant);
    const from = this.#at;
    const tenant = this.#tenant.at(this.#bytes, from, this.#endOfText());
    const kind = this.#kind();
    if (kind === undefined || !this.#isSound) return undefined;
    this.#hash(proof, proofParts.digest);
    this.#skip(marks.link);
    this.#hash(proof, proofParts.link);
    this.#skip(marks.salt);
    this.#hash(proof, proofParts.salt);
    this.#skip(marks.body);
    if (!this.#isSound) return undefined;
    return this.#row(new PackedLink({ chainId, sequence, time, tenant, kind }, proof));
  }

  #row(link: ChainLink): DrainedRecord | undefined {
    const startedAt = this.#timeOfId(link.time);
    const from = this.#at;
    const id = this.#bytes.toString("latin1", from, from + uuidChars);
    if (this.#endOfText() !== from + uuidChars) return undefined;
    this.#at++;
    if (link.kind === "call_outcome") return { row: "call_end", id, startedAt, end: this.#end(), link };
    const payload = this.#payload();
    return payload && new PackedCall(id, startedAt, link, payload);
  }

  /** The members after the id, as JSON of their own. */
  #payload(): Uint8Array | undefined {
    const from = this.#at;
    for (const [mark, isRequired] of members) {
      if (!this.#isNext(mark)) {
        if (isRequired) this.#isSound = false;
        continue;
      }
      this.#at += mark.length;
      this.#endOfText(0xff);
      this.#at++;
    }
    const to = this.#at + 1;
    this.#skip(marks.end);
    if (!this.#isSound) return undefined;
    const payload = new Uint8Array(to - from);
    this.#bytes.copy(payload, 0, from, to);
    payload[0] = openingBrace;
    return payload;
  }

  #end(): CallEndFields {
    this.#skip(marks.status);
    const status = this.#text() as OutcomeStatus;
    let errorCode: string | undefined;
    if (this.#isNext(marks.errorCode)) {
      this.#at += marks.errorCode.length;
      errorCode = this.#text();
    }
    this.#skip(marks.duration);
    const durationMs = this.#decimal();
    this.#skip(marks.resultBytes);
    const resultBytes = this.#integer();
    this.#skip(marks.end);
    return { status, errorCode, durationMs, resultBytes };
  }

  #kind(): RecordKind | undefined {
    if (this.#isNext(marks.intent)) {
      this.#at += marks.intent.length;
      return "call_intent";
    }
    if (!this.#isNext(marks.outcome)) return undefined;
    this.#at += marks.outcome.length;
    return "call_outcome";
  }

  /** Past the string's quotation mark. */
  #text(): string {
    const from = this.#at;
    const to = this.#endOfText();
    this.#at = to + 1;
    if (to - from === 2 && this.#bytes[from] === 0x6f && this.#bytes[from + 1] === 0x6b) return "ok";
    return this.#bytes.toString("latin1", from, to);
  }

  /** Goes to the quotation mark that ends a string, in which no byte is above `last`. */
  #endOfText(last = 0x7f): number {
    const bytes = this.#bytes;
    let at = this.#at;
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === quotationMark) {
        this.#at = at;
        return at;
      }
      if (byte < 0x20 || byte === backslash || byte > last) break;
    }
    this.#isSound = false;
    this.#at = at;
    return at;
  }

  #isNext(mark: Uint8Array): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    for (let index = 0; index < mark.length; index++) {
      if (bytes[at + index] !== mark[index]) return false;
    }
    return true;
  }
  #skip(mark: Uint8Array): void {
    if (!this.#isNext(mark)) this.#isSound = false;
    this.#at += mark.length;
  }

  /** At most fifteen digits: a number that no rounding reaches. */
  #integer(): number {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    let value = 0;
    for (;;) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    if (at === from || at - from > 15) this.#isSound = false;
    this.#at = at;
    return value;
  }

  /** Whole and fraction are exact as integers, and a quotient of exact numbers is the number nearest to it: as `Number` reads it. */
  #decimal(): number {
    const whole = this.#integer();
    if (this.#bytes[this.#at] !== 0x2e) return whole;
    this.#at++;
    const from = this.#at;
    const fraction = this.#integer();
    const digits = this.#at - from;
    if (digits > 3 || whole > 1e12) this.#isSound = false;
    const scale = 10 ** digits;
    return (whole * scale + fraction) / scale;
  }

  #hash(proof: Uint8Array, part: readonly [number, number]): void {
    const at = this.#at;
    this.#at = at + 2 * (part[1] - part[0]);
    if (this.#at > this.#bytes.length || !readHex(this.#bytes, at, proof, part[0], part[1])) {
      this.#isSound = false;
    }
  }

  /** As `timeInUuid`. */
  #timeOfId(otherwise: number): number {
    const bytes = this.#bytes;
    const from = this.#at;
    if (bytes[from + 14] !== 0x37) return otherwise;
    let time = 0;
    for (let index = 0; index < 13; index++) {
      if (index === 8) continue;
      const digit = digitOf[bytes[from + index] ?? 0] ?? noDigit;
      if (digit === noDigit) this.#isSound = false;
      time = time * 16 + digit;
    }
    return time;
  }
}

/** False where there are other than lower-case digits. All of them must be within `bytes`. */
function readHex(bytes: Uint8Array, from: number, into: Uint8Array, place: number, end: number): boolean {
  let seen = 0;
  let at = from;
  for (let to = place; to < end; to++) {
    const high = digitOf[bytes[at] as number] as number;
    const low = digitOf[bytes[at + 1] as number] as number;
    seen |= high | low;
    into[to] = (high << 4) | low;
    at += 2;
  }
  return seen <= 15;
}

/** Text that is nearly always that of the line before: the same string then. */
class RepeatedText {
  #bytes = new Uint8Array(0);
  #text = "";

  at(line: Buffer, from: number, to: number): string {
    const known = this.#bytes;
    let isSame = known.length === to - from;
    for (let index = 0; isSame && index < known.length; index++) {
      if (known[index] !== line[from + index]) isSame = false;
    }
    if (!isSame) {
      this.#bytes = new Uint8Array(line.subarray(from, to));
      this.#text = line.toString("latin1", from, to);
    }
    return this.#text;
  }
}
