import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { type Line, parseLine } from "./line.ts";

/*
 * <journal>/<chain id>/          one directory a chain
 *   00000000000000000000.jsonl   segments, named by the position of their first byte in the chain
 *   lease                        the process that writes it (lease.ts)
 *   lease.<chain id>             taken over by the process that writes that chain
 *   recovered                    where a dead chain ends (recovery.ts)
 *   drained.<sink>               position up to which a sink has it
 */
export interface Segment {
  readonly path: string;
  /** Position of its first byte in the chain. */
  readonly base: number;
}

const segmentName = /^(\d{20})\.jsonl$/;
const chainName = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function segmentPath(chainDir: string, base: number): string {
  return join(chainDir, `${String(base).padStart(20, "0")}.jsonl`);
}

/** Names in a directory; none where it does not exist (another process may have removed it). */
export function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw failure;
  }
}

/** Chain ids under a journal directory, oldest first (they are UUIDv7). */
export function chainsIn(journalDir: string): string[] {
  return namesIn(journalDir)
    .filter((name) => chainName.test(name))
    .sort();
}

export function segmentsOf(chainDir: string): Segment[] {
  const segments: Segment[] = [];
  for (const name of namesIn(chainDir).sort()) {
    const match = segmentName.exec(name);
    if (match?.[1] !== undefined) segments.push({ path: join(chainDir, name), base: Number(match[1]) });
  }
  return segments;
}

export function fileBytes(path: string): number {
  const fd = openSync(path, "r");
  try {
    return fstatSync(fd).size;
  } finally {
    closeSync(fd);
  }
}

export interface LineAt {
  /** Without the newline; valid until the next one is asked for. */
  readonly bytes: Buffer;
  /** Offset in the file. */
  readonly offset: number;
  /** False for what stands after the last newline. */
  readonly complete: boolean;
}

/**
 * The lines of one file in order, in memory bounded by the longest line (at least `chunkBytes`).
 * `untilOffset` stops before bytes that are not committed yet.
 */
export function* linesOf(
  path: string,
  fromOffset = 0,
  untilOffset = Number.POSITIVE_INFINITY,
  chunkBytes = 1 << 18,
): Generator<LineAt> {
  const fd = openSync(path, "r");
  try {
    let buffer = Buffer.allocUnsafe(chunkBytes);
    let held = 0;
    let offset = fromOffset;
    for (;;) {
      const wanted = Math.min(buffer.length - held, untilOffset - offset - held);
      const got = wanted > 0 ? readSync(fd, buffer, held, wanted, offset + held) : 0;
      held += got;
      let start = 0;
      const filled = buffer.subarray(0, held);
      for (;;) {
        const end = filled.indexOf(0x0a, start);
        if (end < 0) break;
        yield { bytes: buffer.subarray(start, end), offset: offset + start, complete: true };
        start = end + 1;
      }
      buffer.copy(buffer, 0, start, held);
      held -= start;
      offset += start;
      if (got === 0) {
        if (held > 0) yield { bytes: buffer.subarray(0, held), offset, complete: false };
        return;
      }
      if (held === buffer.length) {
        const larger = Buffer.allocUnsafe(buffer.length * 2);
        buffer.copy(larger, 0, 0, held);
        buffer = larger;
      }
    }
  } finally {
    closeSync(fd);
  }
}

/** The last complete, well-formed record of a file, searched backwards from its end. */
export function lastLineOf(path: string): Line | undefined {
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    for (let span = 1 << 16; ; span *= 4) {
      const from = Math.max(0, size - span);
      const bytes = Buffer.alloc(size - from);
      readSync(fd, bytes, 0, bytes.length, from);
      let end = bytes.lastIndexOf(0x0a);
      while (end > 0) {
        const start = bytes.lastIndexOf(0x0a, end - 1);
        if (start < 0 && from > 0) break;
        const line = parseLine(bytes.subarray(start + 1, end));
        if (line !== undefined) return line;
        if (start < 0) return undefined;
        end = start;
      }
      if (from === 0) return undefined;
    }
  } finally {
    closeSync(fd);
  }
}

/** The last record of a chain. */
export function headOf(chainDir: string): Line | undefined {
  for (const segment of segmentsOf(chainDir).reverse()) {
    const line = lastLineOf(segment.path);
    if (line !== undefined) return line;
  }
  return undefined;
}
