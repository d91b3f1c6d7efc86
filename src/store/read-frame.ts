import { openSync } from "node:fs";
import { sha256 } from "../archive/manifest.ts";
import { readPart } from "../archive/source.ts";
import { decompressFrame } from "../archive/zstd.ts";
import { fromSystemError } from "../errors.ts";
import type { PlacedFrame, ReadFrame } from "./member-messages.ts";

/** Open an archive's file to read parts of it. */
export function openSource(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw fromSystemError(error, "read the archive", path);
  }
}

/** Read a member's frame, decompress it, and hash both. */
export function readFrame(file: number, path: string, { at, compressed, content }: PlacedFrame): ReadFrame {
  const frame = readPart(file, path, at, compressed);
  const bytes = decompressFrame(frame, content, path);
  return { frame, raw: sha256(bytes), object: sha256(frame), size: bytes.length };
}
