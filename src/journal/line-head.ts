import type { RecordKind } from "../model/ports/journal.ts";
import { quote } from "../protocol/json.ts";

const opening = '{"head":';
const previousMark = ',"previous":"';
const timeMark = '","time":';
const tenantMark = ',"tenant":';
const kindMark = ',"kind":"';
const digestMark = '","digest":"';
const ending = '"}';
const linkMark = ',"link":"';
const hexChars = 64;
const blank = "0".repeat(hexChars);

/**
 * The first part of a line, up to its link, kept for the records of one kind (format: `line.ts`): from one record to the
 * next most of its bytes are the same, so that only what differs is written.
 */
export class LineHead {
  readonly #chainId: string;
  readonly #kind: RecordKind;
  #bytes = Buffer.from("");
  #header: Uint8Array = this.#bytes;
  #sequenceEnd = 0;
  #sequenceDigits = 0;
  #previousAt = 0;
  #time = -1;
  #timeEnd = 0;
  #timeDigits = 0;
  #tenant = "";
  #tenantAt = 0;
  #tenantIsPlain = false;

  constructor(chainId: string, kind: RecordKind) {
    this.#chainId = chainId;
    this.#kind = kind;
  }

  /** From the line's first byte to the link's first digit. Valid until the next `set`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }
  /** The header within it: what the link is a hash of. */
  get header(): Uint8Array {
    return this.#header;
  }
  /** Where the digest's hex digits belong. */
  get digestAt(): number {
    return this.#bytes.length - linkMark.length - ending.length - hexChars;
  }

  /** `previous`: 64 hex digits. The digest is left as it is. */
  set(sequence: number, previous: Uint8Array, time: number, tenant: string): void {
    const isSameTenant = tenant === this.#tenant || this.#putTenant(tenant);
    if (!isSameTenant || !hasDigits(sequence, this.#sequenceDigits) || !hasDigits(time, this.#timeDigits)) {
      this.#lay(sequence, time, tenant);
    }
    const bytes = this.#bytes;
    putDigits(bytes, this.#sequenceEnd, this.#sequenceDigits, sequence);
    if (time !== this.#time) {
      putDigits(bytes, this.#timeEnd, this.#timeDigits, time);
      this.#time = time;
    }
    const previousAt = this.#previousAt;
    for (let index = 0; index < hexChars; index++) bytes[previousAt + index] = previous[index] as number;
  }

  /** Another organisation's id mostly is as long. False where it does not fit in the place of the last one. */
  #putTenant(tenant: string): boolean {
    if (!this.#tenantIsPlain || tenant.length !== this.#tenant.length) return false;
    for (let index = 0; index < tenant.length; index++) {
      const code = tenant.charCodeAt(index);
      if (!isPlain(code)) return false;
      this.#bytes[this.#tenantAt + index] = code;
    }
    this.#tenant = tenant;
    return true;
  }

  #lay(sequence: number, time: number, tenant: string): void {
    const beforeSequence = `${opening}{"chain":${quote(this.#chainId)},"sequence":`;
    const tenantText = quote(tenant);
    const afterTenant = `${kindMark}${this.#kind}${digestMark}${blank}${ending}${linkMark}`;
    const upToSequence = Buffer.byteLength(beforeSequence) + String(sequence).length;
    this.#sequenceEnd = upToSequence;
    this.#sequenceDigits = String(sequence).length;
    this.#previousAt = upToSequence + previousMark.length;
    this.#timeDigits = String(time).length;
    this.#timeEnd = this.#previousAt + hexChars + timeMark.length + this.#timeDigits;
    this.#time = time;
    this.#tenant = tenant;
    this.#tenantAt = this.#timeEnd + tenantMark.length + 1;
    this.#tenantIsPlain =
      tenantText.length === tenant.length + 2 && Buffer.byteLength(tenant) === tenant.length;
    this.#bytes = Buffer.from(
      beforeSequence +
        sequence +
        previousMark +
        blank +
        timeMark +
        time +
        tenantMark +
        tenantText +
        afterTenant,
    );
    this.#header = this.#bytes.subarray(opening.length, this.#bytes.length - linkMark.length);
  }
}

/** What stands in a JSON string as it is, in one byte. */
function isPlain(code: number): boolean {
  return code >= 0x20 && code <= 0x7e && code !== 0x22 && code !== 0x5c;
}

function hasDigits(value: number, digits: number): boolean {
  return value < 10 ** digits && (digits === 1 || value >= 10 ** (digits - 1));
}

function putDigits(into: Uint8Array, end: number, digits: number, value: number): void {
  let rest = value;
  for (let at = end - 1; at >= end - digits; at--) {
    const tens = Math.floor(rest / 10);
    into[at] = 0x30 + (rest - tens * 10);
    rest = tens;
  }
}
