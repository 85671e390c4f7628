import type { RecordKind } from "../model/ports/journal.ts";
import type { ChainLink } from "../model/ports/record-sink.ts";
import { quote } from "../protocol/json.ts";

/*
 * One record is one line, its bytes fixed (docs/journal.md):
 *
 *   {"head":HEAD,"link":"LINK","salt":"SALT","body":BODY}\n
 *   HEAD = {"chain":…,"sequence":…,"previous":…,"time":…,"tenant":…,"kind":…,"digest":…}
 *   digest = hex SHA-256 of SALT BODY, link = hex SHA-256 of HEAD
 *
 * Salt and body of an expired payload are `null`. Links and digests are taken over the bytes as they stand in the file.
 */
export const firstPrevious = "0".repeat(64);

export type HeadFields = Omit<ChainLink, "link" | "salt">;

export function headText(head: HeadFields): string {
  return (
    `{"chain":${quote(head.chainId)},"sequence":${head.sequence},"previous":"${head.previous}","time":${head.time}` +
    `,"tenant":${quote(head.tenant)},"kind":"${head.kind}","digest":"${head.digest}"}`
  );
}

export function sha256Hex(text: string): string {
  return Bun.SHA256.hash(text, "hex");
}

/** One line taken apart; `headBytes` and `bodyBytes` are views of the caller's buffer. */
export interface Line {
  readonly headBytes: Uint8Array;
  readonly bodyBytes: Uint8Array | undefined;
  readonly link: ChainLink;
}

const opening = Buffer.from('{"head":');
const linkMark = Buffer.from('},"link":"');
const saltMark = '","salt":';
const bodyMark = '","body":';
const expiredTail = 'null,"body":null}';
export const recordKinds: ReadonlySet<RecordKind> = new Set<RecordKind>([
  "call_intent",
  "call_outcome",
  "call_refused",
  "call_content",
  "call_round",
  "security",
  "admin",
  "journal",
  "checkpoint",
]);

/** Takes a line (without its newline) apart; `undefined` where it is not of the format. Hashes are not checked here. */
export function parseLine(bytes: Buffer): Line | undefined {
  if (bytes.length < opening.length || bytes.compare(opening, 0, opening.length, 0, opening.length) !== 0) {
    return undefined;
  }
  const mark = bytes.indexOf(linkMark);
  if (mark < 0) return undefined;
  const headBytes = bytes.subarray(opening.length, mark + 1);
  const linkAt = mark + linkMark.length;
  const saltAt = linkAt + 64 + saltMark.length;
  if (bytes.toString("latin1", linkAt + 64, saltAt) !== saltMark) return undefined;
  const link = bytes.toString("latin1", linkAt, linkAt + 64);
  const head = parseHead(headBytes.toString("utf8"));
  if (head === undefined) return undefined;
  if (bytes.toString("latin1", saltAt) === expiredTail) {
    return { headBytes, bodyBytes: undefined, link: { ...head, link, salt: undefined } };
  }
  const bodyAt = saltAt + 33 + bodyMark.length;
  if (bytes[saltAt] !== 0x22 || bytes.toString("latin1", saltAt + 33, bodyAt) !== bodyMark) return undefined;
  if (bytes[bytes.length - 1] !== 0x7d) return undefined;
  const salt = bytes.toString("latin1", saltAt + 1, saltAt + 33);
  return {
    headBytes,
    bodyBytes: bytes.subarray(bodyAt, bytes.length - 1),
    link: { ...head, link, salt },
  };
}

function parseHead(text: string): HeadFields | undefined {
  let head: unknown;
  try {
    head = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof head !== "object" || head === null) return undefined;
  const { chain, sequence, previous, time, tenant, kind, digest } = head as Record<string, unknown>;
  if (typeof chain !== "string" || typeof sequence !== "number" || typeof previous !== "string")
    return undefined;
  if (typeof time !== "number" || typeof tenant !== "string" || typeof digest !== "string") return undefined;
  if (typeof kind !== "string" || !isKind(kind)) return undefined;
  return { chainId: chain, sequence, previous, time, tenant, kind, digest };
}

function isKind(text: string): text is RecordKind {
  return (recordKinds as ReadonlySet<string>).has(text);
}

/** Whether header and payload are what link and digest say; an expired payload is sound by its header alone. */
export function lineIsSound(line: Line): boolean {
  const hasher = new Bun.CryptoHasher("sha256");
  if (hasher.update(line.headBytes).digest("hex") !== line.link.link) return false;
  if (line.bodyBytes === undefined || line.link.salt === undefined) return true;
  const payload = new Bun.CryptoHasher("sha256");
  return payload.update(line.link.salt).update(line.bodyBytes).digest("hex") === line.link.digest;
}
