/** Long enough for a page of a list and what the system does not take of it at once. */
const BYTES_MIN = 1 << 20;
const BYTES_KEPT_MAX = 4 << 20;
const KEPT_MAX = 2;

/** Longest first. */
const kept: Buffer[] = [];

/**
 * Memory that a long answer is put together in, and lies in until the system has taken it. The same again and again: each
 * page of memory that is touched for the first time costs the system some microseconds, which is more than writing to it.
 */
export function takeScratch(bytes: number): Buffer {
  const at = kept.findLastIndex(({ length }) => length >= bytes);
  return (
    (at === -1 ? undefined : kept.splice(at, 1)[0]) ?? Buffer.allocUnsafeSlow(Math.max(bytes, BYTES_MIN))
  );
}

/** Whoever took it has nothing of it any more. */
export function giveScratch(buffer: Buffer): void {
  if (buffer.length > BYTES_KEPT_MAX) return;
  kept.push(buffer);
  kept.sort((one, other) => other.length - one.length);
  kept.length = Math.min(kept.length, KEPT_MAX);
}
