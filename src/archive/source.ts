import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FoldError, fromSystemError } from "../errors.ts";
import { decodeTail, type FrameSize, tailSize } from "./seek-table.ts";
import { compressBound, decompressFrame, decompressFrameAside } from "./zstd.ts";

/** More than any member that fold writes; a file that claims more is not believed. */
export const MAX_MEMBER_BYTES = 2 ** 30;

/** More than the seek table of any archive whose manifest is not too long; a file may claim to be nothing else. */
const MAX_TAIL_BYTES = 8 << 20;

/** Where one frame lies in the file. */
interface Frame extends FrameSize {
  readonly at: number;
}

/** A compressed archive on disk: frame by frame where it has a seek table, else as one stream. */
export class ArchiveSource {
  readonly sizeBytes: number;
  /** SHA-256 of the tar as the file claims it; null when the file has no tail of fold's. */
  readonly tarSha256: string | null;
  /** All frames, in order; null when the file has no tail of fold's. */
  readonly frames: readonly Frame[] | null;
  private file: number;

  /** @throws FoldError `not_found`, `unreadable`, or `corrupt` for an empty file */
  constructor(readonly path: string) {
    try {
      this.file = openSync(path, "r");
      const stat = fstatSync(this.file);
      if (stat.isDirectory()) throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
      this.sizeBytes = stat.size;
    } catch (error) {
      throw fromSystemError(error, "read the archive", path);
    }
    const tail = this.readTail();
    this.tarSha256 = tail?.tarSha256 ?? null;
    this.frames = tail?.frames ?? null;
  }

  close(): void {
    if (this.file >= 0) closeSync(this.file);
    this.file = -1;
  }

  /** The content of one frame, which may not be larger than `most` bytes. */
  frame(number: number, most: number): Uint8Array {
    const frame = this.frames?.[number];
    if (frame === undefined) throw damaged(this.path, `has no frame ${number}`);
    checkClaim(frame, Math.min(most, MAX_MEMBER_BYTES), this.path);
    return decompressFrame(this.read(frame.at, frame.compressed), frame.content, this.path);
  }

  /** All of the tar, frame by frame where the file has a seek table; else as `stream` gives it. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    if (this.frames === null) return yield* this.stream();
    for (const frame of this.frames) {
      const { at, compressed, content } = frame;
      checkClaim(frame, MAX_MEMBER_BYTES, this.path);
      yield await decompressFrameAside(this.read(at, compressed), content, this.path);
    }
  }

  /** All of the tar, decompressed piece by piece in constant memory. */
  async *stream(): AsyncGenerator<Uint8Array> {
    const compressed = Bun.file(this.path).stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
    const reader = compressed.pipeThrough(new DecompressionStream("zstd")).getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value as Uint8Array;
      }
    } catch (cause) {
      if (cause instanceof FoldError) throw cause;
      throw damaged(this.path, "is truncated, or no zstd file", cause);
    } finally {
      await reader.cancel().catch(() => {});
    }
  }

  private readTail(): { frames: Frame[]; tarSha256: string } | null {
    const size = tailSize(this.read(Math.max(0, this.sizeBytes - 9), Math.min(9, this.sizeBytes)));
    if (size === null || size > Math.min(this.sizeBytes, MAX_TAIL_BYTES)) return null;
    const tail = decodeTail(this.read(this.sizeBytes - size, size), this.sizeBytes - size);
    if (tail === null) return null;
    let at = 0;
    const frames = tail.frames.map((frame) => {
      const placed = { ...frame, at };
      at += frame.compressed;
      return placed;
    });
    return { frames, tarSha256: tail.tarSha256 };
  }

  private read(at: number, length: number): Uint8Array {
    return readPart(this.file, this.path, at, length);
  }
}

/**
 * Read a part of an archive's file, which nothing else shares memory with.
 *
 * @throws FoldError `corrupt` where the file ends before; what the system says
 */
export function readPart(file: number, path: string, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  try {
    for (let filled = 0; filled < length; ) {
      const count = readSync(file, bytes, filled, length - filled, at + filled);
      if (count === 0) throw damaged(path, "ends too early");
      filled += count;
    }
  } catch (error) {
    throw fromSystemError(error, "read the archive", path);
  }
  return bytes;
}

/**
 * Refuse a frame by what the seek table says of it, before any of it is read.
 *
 * @param most bytes that it may hold
 * @throws FoldError `corrupt` for one that claims more, or to be larger than what it holds can become
 */
export function checkClaim({ compressed, content }: FrameSize, most: number, path: string): void {
  if (content > most) throw damaged(path, `claims a frame of ${content} bytes`);
  if (compressed > compressBound(content)) {
    throw damaged(path, `claims a frame of ${compressed} bytes that holds ${content}`);
  }
}

/** The error for an archive that is not as it should be. */
export function damaged(path: string, problem: string, cause?: unknown): FoldError {
  return new FoldError("corrupt", `${path} ${problem}`, "get another copy, or fold the text again", cause);
}
