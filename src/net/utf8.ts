/** Bytes from `start` to `end` as UTF-8, without a byte order mark. */
export function textOf(bytes: Buffer, start: number, end: number): string {
  const isMarked =
    end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf;
  return bytes.toString("utf8", isMarked ? start + 3 : start, end);
}
