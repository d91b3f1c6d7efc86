import { openSync, readSync } from "node:fs";
import { sha256 } from "../archive/manifest.ts";
import { damaged } from "../archive/source.ts";
import { decompressFrame } from "../archive/zstd.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import type { PlacedFrame, ReadFrame } from "./member-messages.ts";

/** Open an archive's file to read parts of it. */
export function openSource(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw fromSystemError(error, "read the archive", path);
  }
}

/** Read a part of a file. */
export function readPart(file: number, path: string, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  try {
    for (let filled = 0; filled < length; ) {
      const count = readSync(file, bytes, filled, length - filled, at + filled);
      if (count === 0) throw damaged(path, "ends too early");
      filled += count;
    }
  } catch (error) {
    throw error instanceof FoldError ? error : fromSystemError(error, "read the archive", path);
  }
  return bytes;
}

/** Read a member's frame, decompress it, and hash both. */
export function readFrame(file: number, path: string, { at, compressed, content }: PlacedFrame): ReadFrame {
  const frame = readPart(file, path, at, compressed);
  const bytes = decompressFrame(frame, content, path);
  return { frame, raw: sha256(bytes), object: sha256(frame), size: bytes.length };
}
