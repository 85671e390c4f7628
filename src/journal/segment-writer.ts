import { closeSync, fdatasync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { segmentPath } from "./chain-dir.ts";

/**
 * The files of one chain, written from the front to `position` and nowhere else. What a failed write left behind
 * `position` is cut off, at the latest before the next write: a reader never finds half a batch between two whole ones.
 */
export class SegmentWriter {
  readonly #dir: string;
  readonly #segmentBytesMax: number;
  #fd: number;
  #base = 0;
  #position = 0;
  #tailIsDirty = false;
  #syncsUnderWay = 0;
  readonly #dirFd: number;
  #dirIsDirty = false;
  /** Files rotated away: closed once no sync uses them. */
  #left: number[] = [];

  constructor(dir: string, segmentBytesMax: number) {
    this.#dir = dir;
    this.#segmentBytesMax = segmentBytesMax;
    this.#fd = openSync(segmentPath(dir, 0), "wx", 0o600);
    this.#dirFd = openSync(dir, "r");
    fsyncSync(this.#dirFd);
  }

  /** Bytes of the chain that are written whole. */
  get position(): number {
    return this.#position;
  }
  /** Position of the first byte of the file being written. */
  get base(): number {
    return this.#base;
  }
  get mustRotate(): boolean {
    return this.#position - this.#base >= this.#segmentBytesMax;
  }

  /** Hands the first `bytes` of `batch` to the operating system. Throws what `write` threw, with nothing of them kept. */
  write(batch: Uint8Array, bytes: number): void {
    if (this.#tailIsDirty) this.#cut();
    const offset = this.#position - this.#base;
    let written = 0;
    try {
      while (written < bytes) {
        written += writeSync(this.#fd, batch, written, bytes - written, offset + written);
      }
    } catch (failure) {
      this.#tailIsDirty = true;
      try {
        this.#cut();
      } catch {
        // stays dirty: the next write tries again before anything else
      }
      throw failure;
    }
    this.#position += bytes;
  }

  /** Starts a new file. With `stable`, everything before is on stable storage when this returns. */
  rotate(stable: boolean): void {
    if (this.#tailIsDirty) this.#cut();
    if (stable) fdatasyncSync(this.#fd);
    const fd = openSync(segmentPath(this.#dir, this.#position), "wx", 0o600);
    this.#left.push(this.#fd);
    this.#fd = fd;
    this.#base = this.#position;
    // A new name survives a power cut only once its directory is synced.
    if (stable) {
      fsyncSync(this.#dirFd);
      this.#closeLeft();
    } else {
      this.#dirIsDirty = true;
    }
  }

  /** Puts all that is written now on stable storage, off the event loop. */
  sync(done: (failure: Error | null) => void): void {
    this.#syncsUnderWay++;
    const rotated = this.#left.slice();
    const files = [...rotated, this.#fd];
    if (this.#dirIsDirty) files.push(this.#dirFd);
    this.#dirIsDirty = false;
    let open = files.length;
    let failure: Error | null = null;
    for (const fd of files) {
      fdatasync(fd, (error) => {
        failure ??= error;
        if (--open > 0) return;
        this.#syncsUnderWay--;
        this.#closeLeft(rotated);
        done(failure);
      });
    }
  }

  /** Back to an earlier position of the current file, after a failed sync. */
  retreat(position: number): void {
    this.#position = Math.max(position, this.#base);
    this.#tailIsDirty = true;
    this.#cut();
  }

  /** Synchronous: everything on stable storage, files closed. Not while a sync is under way. */
  close(): void {
    try {
      if (this.#tailIsDirty) this.#cut();
      for (const fd of this.#left) fdatasyncSync(fd);
      fdatasyncSync(this.#fd);
      fsyncSync(this.#dirFd);
    } finally {
      this.#left.push(this.#fd, this.#dirFd);
      this.#closeLeft();
    }
  }

  #cut(): void {
    ftruncateSync(this.#fd, this.#position - this.#base);
    this.#tailIsDirty = false;
  }

  #closeLeft(synced: readonly number[] = this.#left.slice()): void {
    if (this.#syncsUnderWay > 0) return;
    this.#left = this.#left.filter((fd) => !synced.includes(fd));
    for (const fd of synced) closeSync(fd);
  }
}
