import type { OutcomeStatus, RecordKind } from "../model/ports/journal.ts";
import type { CallEndFields, CallFields, ChainLink, DrainedRecord } from "../model/ports/record-sink.ts";
import { timeInUuid } from "./drain-record.ts";

const hashChars = 64;
const saltChars = 32;
const chainAt = '{"head":{"chain":"'.length;
const uuidChars = 36;

/**
 * Reads the lines of calls, nearly all of a journal, by the places their members have: half the time of `JSON.parse`,
 * and the values share the line's characters instead of being copies. It reads only what the journal itself writes,
 * and of that only lines without an escape, where a quotation mark is always the end of a string. For any other line
 * the answer is `undefined`: `parseLine` and `rowOf` then decide what it is.
 */
export class CallLineReader {
  #text = "";
  #at = 0;
  /** False from the first member on that is not where it should be. */
  #isSound = true;
  #chainId = "";

  read(text: string): DrainedRecord | undefined {
    if (text.includes("\\")) return undefined;
    this.#text = text;
    this.#at = 0;
    this.#isSound = true;
    const link = this.#link();
    const row = this.#isSound ? this.#row(link) : undefined;
    return this.#isSound && this.#at === text.length ? row : undefined;
  }

  #link(): ChainLink {
    const chainId = this.#chain();
    const sequence = this.#number(',"sequence":');
    const previous = this.#fixed(',"previous":"', hashChars);
    const time = this.#number(',"time":');
    const tenant = this.#required(',"tenant":"');
    const kind = this.#required(',"kind":"') as RecordKind;
    const digest = this.#fixed(',"digest":"', hashChars);
    const link = this.#fixed('},"link":"', hashChars);
    const salt = this.#fixed(',"salt":"', saltChars);
    return { chainId, sequence, previous, time, tenant, kind, digest, link, salt };
  }

  #row(link: ChainLink): DrainedRecord | undefined {
    const { kind } = link;
    if (kind !== "call_intent" && kind !== "call_outcome" && kind !== "call_refused") return undefined;
    const id = this.#required(',"body":{"callId":"');
    const startedAt = timeInUuid(id, link.time);
    if (kind === "call_outcome") {
      const end = this.#end();
      return { row: "call_end", id, startedAt, end, link };
    }
    const call = this.#call(id);
    const end = kind === "call_refused" ? this.#end() : undefined;
    if (end === undefined) this.#skip("}}");
    return { row: "call", id, startedAt, call, link, end, endLink: undefined };
  }

  #call(callId: string): CallFields {
    return {
      callId,
      correlationId: this.#required(',"correlationId":"'),
      principalId: this.#required(',"principalId":"'),
      principalName: this.#required(',"principalName":"'),
      namespaceId: this.#required(',"namespaceId":"'),
      method: this.#required(',"method":"'),
      serverId: this.#optional(',"serverId":"'),
      serverName: this.#optional(',"serverName":"'),
      servedBy: this.#optional(',"servedBy":"'),
      target: this.#optional(',"target":"'),
      argumentsDigest: this.#optional(',"argumentsDigest":"'),
      clientAddress: this.#required(',"clientAddress":"'),
      clientName: this.#optional(',"clientName":"'),
      era: this.#required(',"era":"'),
      traceId: this.#optional(',"traceId":"'),
    };
  }

  #end(): CallEndFields {
    const status = this.#required(',"status":"') as OutcomeStatus;
    const errorCode = this.#optional(',"errorCode":"');
    const durationMs = this.#number(',"durationMs":');
    const resultBytes = this.#number(',"resultBytes":');
    this.#skip("}}");
    return { status, errorCode, durationMs, resultBytes };
  }

  /** Nearly always that of the line before: the same string then, whose hash is known. */
  #chain(): string {
    const to = chainAt + uuidChars;
    if (!this.#text.startsWith(this.#chainId, chainAt) || this.#chainId === "") {
      if (!this.#text.startsWith('{"head":{"chain":"')) this.#isSound = false;
      this.#chainId = this.#text.slice(chainAt, to);
    }
    if (this.#text.charCodeAt(to) !== 0x22) this.#isSound = false;
    this.#at = to + 1;
    return this.#chainId;
  }

  #optional(mark: string): string | undefined {
    if (!this.#text.startsWith(mark, this.#at)) return undefined;
    const from = this.#at + mark.length;
    const to = this.#text.indexOf('"', from);
    if (to < 0) this.#isSound = false;
    this.#at = to + 1;
    return this.#text.slice(from, to);
  }

  #required(mark: string): string {
    const value = this.#optional(mark);
    if (value === undefined) this.#isSound = false;
    return value ?? "";
  }

  #fixed(mark: string, chars: number): string {
    this.#skip(mark);
    const to = this.#at + chars;
    if (this.#text.charCodeAt(to) !== 0x22) this.#isSound = false;
    const value = this.#text.slice(this.#at, to);
    this.#at = to + 1;
    return value;
  }

  #number(mark: string): number {
    this.#skip(mark);
    const from = this.#at;
    let at = from;
    for (let code = this.#text.charCodeAt(at); isOfNumber(code); code = this.#text.charCodeAt(at)) at++;
    const value = Number(this.#text.slice(from, at));
    if (at === from || Number.isNaN(value)) this.#isSound = false;
    this.#at = at;
    return value;
  }

  #skip(mark: string): void {
    if (!this.#text.startsWith(mark, this.#at)) this.#isSound = false;
    this.#at += mark.length;
  }
}

/** Digits, sign, point and exponent. */
function isOfNumber(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2e ||
    code === 0x2d ||
    code === 0x2b ||
    (code | 0x20) === 0x65
  );
}
