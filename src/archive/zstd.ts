import { constants, zstdCompressSync } from "node:zlib";
import { FoldError } from "../errors.ts";

/** Level of compression. On tree code level 3 saves 7 % more and takes twice as long: measured on a book. */
const LEVEL = 1;

/** What stands behind some frames of archives from before compressFrame made all of a frame in one piece. */
const EMPTY_FRAME = Uint8Array.fromHex("28b52ffd240001000099e9d851");

/** Compress into one frame that states its size and carries a checksum. */
export function compressFrame(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, {
    // All in one piece, with room to spare: where a frame fills the last piece to its end, by default once in
    // 16384 times, Bun takes it for unfinished and puts an empty frame behind it, which no reader expects there.
    chunkSize: compressBound(bytes.length) + 1,
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_checksumFlag]: 1,
      [constants.ZSTD_c_contentSizeFlag]: 1,
    },
  });
}

/** The most bytes that zstd makes of so many: ZSTD_compressBound of its library. */
export function compressBound(size: number): number {
  const small = 128 << 10;
  return size + Math.floor(size / 256) + (size < small ? Math.floor((small - size) / 2048) : 0);
}

/**
 * Decompress one frame of a known size.
 *
 * The frame's own header is looked at first, so a small file that claims gigabytes is refused, not unpacked.
 *
 * @throws FoldError `corrupt` naming `what`
 */
export function decompressFrame(frame: Uint8Array, size: number, what: string): Uint8Array {
  checkHeader(frame, size, what);
  try {
    return checkSize(Bun.zstdDecompressSync(frame), size, what);
  } catch (cause) {
    throw notDecompressed(cause, what);
  }
}

/** Many small frames at once, one behind the other, which is many times as fast as one by one. */
export function decompressFrames(frames: readonly Uint8Array[], sizes: readonly number[], what: string): Uint8Array {
  for (const [number, frame] of frames.entries()) checkHeader(frame, sizes[number], what);
  const size = sizes.reduce((sum, one) => sum + one, 0);
  try {
    return checkSize(Bun.zstdDecompressSync(Buffer.concat(frames)), size, what);
  } catch (cause) {
    throw notDecompressed(cause, what);
  }
}

/** The same on a thread of its own. */
export async function decompressFrameAside(frame: Uint8Array, size: number, what: string): Promise<Uint8Array> {
  checkHeader(frame, size, what);
  try {
    return checkSize(await Bun.zstdDecompress(frame as Uint8Array<ArrayBuffer>), size, what);
  } catch (cause) {
    throw notDecompressed(cause, what);
  }
}

function checkHeader(frame: Uint8Array, size: number, what: string): void {
  const header = readHeader(frame);
  if (header?.contentSize !== size)
    throw damaged(what, `claims ${header?.contentSize ?? "no"} bytes instead of ${size}`);
  // Behind a first frame there may be others, of any size: the decoder would unpack them all.
  const end = frameEnd(frame, header);
  if (end !== frame.length && Buffer.compare(frame.subarray(end), EMPTY_FRAME) !== 0) {
    throw damaged(what, "is not one frame");
  }
}

function checkSize(bytes: Uint8Array, size: number, what: string): Uint8Array {
  if (bytes.length !== size) throw damaged(what, `holds ${bytes.length} bytes instead of ${size}`);
  return bytes;
}

function notDecompressed(cause: unknown, what: string): FoldError {
  return cause instanceof FoldError ? cause : damaged(what, "cannot be decompressed", cause);
}

interface FrameHeader {
  readonly contentSize: number;
  /** Where the first block starts. */
  readonly length: number;
  readonly hasChecksum: boolean;
}

/** A frame's header (RFC 8878, 3.1.1.1), or null when it is none or does not state its size. */
function readHeader(frame: Uint8Array): FrameHeader | null {
  if (frame.length < 6) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== 0xfd2fb528) return null;
  const descriptor = frame[4];
  const isSingleSegment = (descriptor & 32) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3];
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 && !isSingleSegment ? 0 : 1 << sizeFlag;
  if (sizeBytes === 0 || at + sizeBytes > frame.length) return null;
  let contentSize: number;
  if (sizeBytes === 1) contentSize = frame[at];
  else if (sizeBytes === 2) contentSize = view.getUint16(at, true) + 256;
  else if (sizeBytes === 4) contentSize = view.getUint32(at, true);
  else contentSize = Number(view.getBigUint64(at, true));
  return { contentSize, length: at + sizeBytes, hasChecksum: (descriptor & 4) !== 0 };
}

/** Where a frame ends, by the headers of its blocks (RFC 8878, 3.1.1.2); beyond the bytes when it is cut off. */
function frameEnd(frame: Uint8Array, { length, hasChecksum }: FrameHeader): number {
  let at = length;
  for (;;) {
    if (at + 3 > frame.length) return Infinity;
    const header = frame[at] | (frame[at + 1] << 8) | (frame[at + 2] << 16);
    const isRepeatedByte = ((header >> 1) & 3) === 1;
    at += 3 + (isRepeatedByte ? 1 : header >> 3);
    if (header & 1) return at + (hasChecksum ? 4 : 0);
  }
}

function damaged(what: string, problem: string, cause?: unknown): FoldError {
  return new FoldError("corrupt", `${what} is damaged: it ${problem}`, "get another copy, or fold again", cause);
}
