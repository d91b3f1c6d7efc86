import type { FileHandle } from "node:fs/promises";
import { etagOfParts } from "./etag.ts";

/** Small enough for several in memory, large enough that their number costs nothing. */
const PART_BYTES = 8 << 20;
const MOST_PARTS = 10_000;
const PIECE_BYTES = 1 << 20;

/** How a file is cut into parts. */
export function partBytesOf(size_bytes: number): number {
  const least_bytes = Math.ceil(size_bytes / MOST_PARTS);
  return Math.max(PART_BYTES, Math.ceil(least_bytes / PIECE_BYTES) * PIECE_BYTES);
}

/** What a file is, before any part of it is sent. */
export interface FileHashes {
  readonly size_bytes: number;
  readonly part_bytes: number;
  readonly sha256: string;
  /** Of each part, in hex. */
  readonly md5s: readonly string[];
  /** What the object will have. */
  readonly etag: string;
}

/** Reads a file of a certain size from one end to the other; `next` is called between pieces and may throw. */
export async function hashFile(file: FileHandle, size_bytes: number, next: () => void): Promise<FileHashes> {
  const part_bytes = partBytesOf(size_bytes);
  const buffer = new Uint8Array(Math.min(PIECE_BYTES, size_bytes));
  const sha256 = new Bun.CryptoHasher("sha256");
  const md5s: string[] = [];
  let md5 = new Bun.CryptoHasher("md5");
  for (let at = 0; at < size_bytes; ) {
    next();
    const end = Math.min(at + PIECE_BYTES, size_bytes, (md5s.length + 1) * part_bytes);
    const piece = buffer.subarray(0, end - at);
    await readFully(file, piece, at);
    sha256.update(piece);
    md5.update(piece);
    at = end;
    if (at === size_bytes || at === (md5s.length + 1) * part_bytes) {
      md5s.push(md5.digest("hex"));
      md5 = new Bun.CryptoHasher("md5");
    }
  }
  return { size_bytes, part_bytes, sha256: sha256.digest("hex"), md5s, etag: etagOfParts(md5s) };
}

/** Fill a buffer from a place in a file; throws where the file ends before. */
export async function readFully(file: FileHandle, buffer: Uint8Array, from: number): Promise<void> {
  for (let at = 0; at < buffer.length; ) {
    const { bytesRead } = await file.read(buffer, at, buffer.length - at, from + at);
    if (bytesRead === 0) throw new Error("the file became shorter while it was read");
    at += bytesRead;
  }
}
