import type { RecordKind } from "../model/ports/journal.ts";
import { firstPrevious } from "./line.ts";
import { LineHead } from "./line-head.ts";

const bytesAtFirst = 1 << 18;
const bytesKeptMax = 1 << 22;
const saltChars = 32;
const hexChars = 64;
/** Above this a payload is measured before room is made for it; below, three bytes a character are. */
const measuredChars = 1 << 16;

const saltMark = Buffer.from('","salt":"');
const bodyMark = Buffer.from('","body":');
const digestBytes = new Uint8Array(32);
const digitPairs = Buffer.from(Array.from({ length: 256 }, (_, byte) => hexOf(byte)).join(""));

function hexOf(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

/**
 * The lines of one chain that wait for their write (format: `line.ts`). Each is encoded once, into the bytes that go to
 * the file, and hashed where it stands there (ADR 0023). What is short is put there byte by byte: each call into the
 * runtime costs as much as some forty of them.
 */
export class LineBatch {
  readonly #chainId: string;
  readonly #heads: { [kind in RecordKind]?: LineHead } = {};
  /** Of the last record, hex; the next one names it. */
  readonly #link = Buffer.from(firstPrevious);
  #buffer = Buffer.allocUnsafe(bytesAtFirst);
  #length = 0;

  constructor(chainId: string) {
    this.#chainId = chainId;
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
    return this.#link.toString("latin1");
  }
  set link(link: string) {
    this.#link.write(link, "latin1");
  }

  /** `time` in ms since the epoch; `salt` of 32 hex digits; `body` is JSON. */
  add(
    sequence: number,
    time: number,
    tenant: string,
    kind: RecordKind,
    salt: Uint8Array,
    body: string,
  ): void {
    this.#heads[kind] ??= new LineHead(this.#chainId, kind);
    const head = this.#heads[kind];
    head.set(sequence, this.#link, time, tenant);
    const start = this.#length;
    const linkAt = start + head.bytes.length;
    const saltAt = linkAt + hexChars + saltMark.length;
    const bodyAt = saltAt + saltChars + bodyMark.length;
    this.#makeRoom(bodyAt, body);
    const buffer = this.#buffer;

    // The digest is of salt and body in one piece: for as long as that takes, the salt stands right before the body.
    const bodyEnd = bodyAt + buffer.write(body, bodyAt, "utf8");
    put(salt, buffer, bodyAt - saltChars);
    Bun.SHA256.hash(buffer.subarray(bodyAt - saltChars, bodyEnd), digestBytes);
    putHex(digestBytes, head.bytes, head.digestAt);
    Bun.SHA256.hash(head.header, digestBytes);
    putHex(digestBytes, this.#link, 0);

    buffer.set(head.bytes, start);
    put(this.#link, buffer, linkAt);
    put(saltMark, buffer, linkAt + hexChars);
    put(salt, buffer, saltAt);
    put(bodyMark, buffer, saltAt + saltChars);
    buffer[bodyEnd] = 0x7d;
    buffer[bodyEnd + 1] = 0x0a;
    this.#length = bodyEnd + 2;
  }

  /** Forgets the lines, not the link. A burst does not keep its memory. */
  clear(): void {
    this.#length = 0;
    if (this.#buffer.length > bytesKeptMax) this.#buffer = Buffer.allocUnsafe(bytesAtFirst);
  }

  #makeRoom(bodyAt: number, body: string): void {
    const bodyBytes = body.length > measuredChars ? Buffer.byteLength(body) : body.length * 3;
    const needed = bodyAt + bodyBytes + 2;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function put(bytes: Uint8Array, into: Uint8Array, at: number): void {
  for (let index = 0; index < bytes.length; index++) into[at + index] = bytes[index] as number;
}

function putHex(bytes: Uint8Array, into: Uint8Array, at: number): void {
  let to = at;
  for (let index = 0; index < bytes.length; index++) {
    const pair = (bytes[index] as number) * 2;
    into[to++] = digitPairs[pair] as number;
    into[to++] = digitPairs[pair + 1] as number;
  }
}
