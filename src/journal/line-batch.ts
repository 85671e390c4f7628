import type { RecordKind } from "../model/ports/journal.ts";
import { quote } from "./body.ts";
import { firstPrevious, recordKinds } from "./line.ts";

const bytesAtFirst = 1 << 18;
const bytesKeptMax = 1 << 22;
const saltChars = 32;
const hexChars = 64;
/** Above this a payload is measured before room is made for it; below, three bytes a character are. */
const measuredChars = 1 << 16;

const previousMark = ',"previous":"';
const headEnd = Buffer.from('"}');
const linkMark = Buffer.from(',"link":"');
const saltMark = Buffer.from('","salt":"');
const bodyMark = Buffer.from('","body":');
const lineEnd = Buffer.from("}\n");
const betweenDigestAndSalt = hexChars + headEnd.length + linkMark.length + hexChars + saltMark.length;
const kindTexts = new Map(
  [...recordKinds].map((kind) => [kind, Buffer.from(`,"kind":"${kind}","digest":"`)]),
);
const digestBytes = new Uint8Array(32);
const digitPairs = Buffer.from(Array.from({ length: 256 }, (_, byte) => hexOf(byte)).join(""));

function hexOf(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

/**
 * The lines of one chain that wait for their write (format: `line.ts`). Each is encoded once, into the bytes that go to
 * the file, and hashed where it stands there (ADR 0023).
 */
export class LineBatch {
  readonly #opening: Uint8Array;
  readonly #headAt = '{"head":'.length;
  /** The member `previous` of the next record. */
  readonly #previous = Buffer.from(`${previousMark}${firstPrevious}"`);
  #buffer = Buffer.allocUnsafe(bytesAtFirst);
  #length = 0;
  #time = Number.NaN;
  #timeText = Buffer.from("");
  #tenant: string | undefined;
  #tenantText = Buffer.from("");

  constructor(chainId: string) {
    this.#opening = Buffer.from(`{"head":{"chain":${quote(chainId)},"sequence":`);
  }

  /** Valid up to `length`, and until the next `add` or `clear`. */
  get buffer(): Uint8Array {
    return this.#buffer;
  }
  /** Bytes. */
  get length(): number {
    return this.#length;
  }
  /** Of the last record added, hex; the next one names it. Set where the chain steps back. */
  get link(): string {
    return this.#previous.toString("latin1", previousMark.length, previousMark.length + hexChars);
  }
  set link(link: string) {
    this.#previous.write(link, previousMark.length, "latin1");
  }

  /** `time` in ms since the epoch; `salt` of 32 hex digits; `body` is JSON. */
  add(sequence: number, time: number, tenant: string, kind: RecordKind, salt: string, body: string): void {
    this.#setTime(time);
    this.#setTenant(tenant);
    this.#makeRoom(body);
    const buffer = this.#buffer;
    const start = this.#length;
    let at = this.#put(this.#opening, start);
    at += buffer.write(String(sequence), at, "latin1");
    at = this.#put(this.#previous, at);
    at = this.#put(this.#timeText, at);
    at = this.#put(this.#tenantText, at);
    at = this.#put(kindTexts.get(kind) as Uint8Array, at);

    // The digest is of salt and body in one piece: for as long as that takes, the salt stands right before the body.
    const saltAt = at + betweenDigestAndSalt;
    const bodyAt = saltAt + saltChars + bodyMark.length;
    const bodyEnd = bodyAt + buffer.write(body, bodyAt, "utf8");
    const saltedAt = bodyAt - saltChars;
    buffer.write(salt, saltedAt, "latin1");
    Bun.SHA256.hash(buffer.subarray(saltedAt, bodyEnd), digestBytes);
    buffer.copyWithin(saltAt, saltedAt, bodyAt);
    this.#put(bodyMark, saltAt + saltChars);

    at = putHex(buffer, at);
    at = this.#put(headEnd, at);
    Bun.SHA256.hash(buffer.subarray(start + this.#headAt, at), digestBytes);
    putHex(this.#previous, previousMark.length);
    at = this.#put(linkMark, at);
    at = putHex(buffer, at);
    this.#put(saltMark, at);
    this.#length = this.#put(lineEnd, bodyEnd);
  }

  /** Forgets the lines, not the link. A burst does not keep its memory. */
  clear(): void {
    this.#length = 0;
    if (this.#buffer.length > bytesKeptMax) this.#buffer = Buffer.allocUnsafe(bytesAtFirst);
  }

  #put(bytes: Uint8Array, at: number): number {
    this.#buffer.set(bytes, at);
    return at + bytes.length;
  }

  #setTime(time: number): void {
    if (time === this.#time) return;
    this.#time = time;
    this.#timeText = Buffer.from(`,"time":${time}`);
  }

  #setTenant(tenant: string): void {
    if (tenant === this.#tenant) return;
    this.#tenant = tenant;
    this.#tenantText = Buffer.from(`,"tenant":${quote(tenant)}`);
  }

  #makeRoom(body: string): void {
    const bodyBytes = body.length > measuredChars ? Buffer.byteLength(body) : body.length * 3;
    const needed = this.#length + bodyBytes + this.#tenantText.length + 1_024;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** Writes what is in `digestBytes`. */
function putHex(target: Uint8Array, at: number): number {
  let to = at;
  for (let i = 0; i < digestBytes.length; i++) {
    const pair = (digestBytes[i] as number) * 2;
    target[to++] = digitPairs[pair] as number;
    target[to++] = digitPairs[pair + 1] as number;
  }
  return to;
}
