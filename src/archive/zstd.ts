import { constants, zstdCompressSync } from "node:zlib";
import { FoldError } from "../errors.ts";

/** Level of compression. Higher ones gain little on tree code and cost a multiple. */
const LEVEL = 3;

/** Compress into one frame that states its size and carries a checksum. */
export function compressFrame(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, {
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_checksumFlag]: 1,
      [constants.ZSTD_c_contentSizeFlag]: 1,
    },
  });
}

/**
 * Decompress one frame of a known size.
 *
 * The frame's own header is looked at first, so a small file that claims gigabytes is refused, not unpacked.
 *
 * @throws FoldError `corrupt` naming `what`
 */
export function decompressFrame(frame: Uint8Array, size: number, what: string): Uint8Array {
  const claimed = contentSize(frame);
  if (claimed !== size) throw damaged(what, `claims ${claimed ?? "no"} bytes instead of ${size}`);
  try {
    const bytes = Bun.zstdDecompressSync(frame);
    if (bytes.length !== size) throw damaged(what, `holds ${bytes.length} bytes instead of ${size}`);
    return bytes;
  } catch (cause) {
    if (cause instanceof FoldError) throw cause;
    throw damaged(what, "cannot be decompressed", cause);
  }
}

/** The content size in a frame's header (RFC 8878, 3.1.1.1), or null when it is no frame or states none. */
function contentSize(frame: Uint8Array): number | null {
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
  if (sizeBytes === 1) return frame[at];
  if (sizeBytes === 2) return view.getUint16(at, true) + 256;
  if (sizeBytes === 4) return view.getUint32(at, true);
  return Number(view.getBigUint64(at, true));
}

function damaged(what: string, problem: string, cause?: unknown): FoldError {
  return new FoldError("corrupt", `${what} is damaged: it ${problem}`, "get another copy, or fold again", cause);
}
