import { statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { checkTextSize, countWords, decodeText } from "../core/text.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { holdsNoWords } from "../jobs/read-texts.ts";

const LARGE_BYTES = 1 << 20;
const PIECE_BYTES = 1 << 20;
/** All of a character of UTF-8 but its last byte. */
const MOST_CARRIED = 3;

/** How a text can be read: a small one as a whole, a large one piece by piece, a pipe only once. */
export function kindOf(path: string): "small" | "large" | "once" {
  try {
    const info = statSync(path);
    if (!info.isFile()) return "once";
    return info.size > LARGE_BYTES ? "large" : "small";
  } catch (error) {
    throw fromSystemError(error, "read the text", path);
  }
}

/**
 * See whether a file of any size is a text that can be folded. It is read piece by piece.
 *
 * @param title what messages call it
 * @returns its size, and the SHA-256 of its bytes in hex
 * @throws FoldError `not_utf8`, `empty` when it holds no word, `too_long`, `interrupted`
 */
export async function lookThrough(
  path: string,
  title: string,
  signal: AbortSignal,
): Promise<{ readonly size_bytes: number; readonly sha256: string }> {
  try {
    const file = await open(path, "r");
    try {
      return await look(file, title, signal);
    } finally {
      // It was only read: there is nothing that closing could lose.
      await file.close().catch(() => {});
    }
  } catch (error) {
    throw fromSystemError(error, "read the text", title);
  }
}

async function look(file: FileHandle, title: string, signal: AbortSignal) {
  const hash = new Bun.CryptoHasher("sha256");
  const buffer = new Uint8Array(MOST_CARRIED + PIECE_BYTES);
  let [at, carried, hasWords] = [0, 0, false];
  for (let isOver = false; !isOver; ) {
    if (signal.aborted) throw new FoldError("interrupted", `stopped while ${title} was read`, "nothing was sent");
    const { bytesRead } = await file.read(buffer, carried, PIECE_BYTES, null);
    isOver = bytesRead === 0;
    hash.update(buffer.subarray(carried, carried + bytesRead));
    const filled = buffer.subarray(0, carried + bytesRead);
    const whole = isOver ? filled : filled.subarray(0, endOfWhole(filled));
    const text = decodeText(whole, at === 0 ? title : `${title}, from byte ${at} on,`);
    hasWords ||= countWords(text) > 0;
    at += whole.length;
    checkTextSize(at, title);
    carried = filled.length - whole.length;
    buffer.copyWithin(0, whole.length, filled.length);
  }
  if (!hasWords) throw holdsNoWords({ name: title, path: title });
  return { size_bytes: at, sha256: hash.digest("hex") };
}

/** Where the last character ends that is there with all its bytes: the first of them tells how many there are. */
function endOfWhole(bytes: Uint8Array): number {
  for (let at = bytes.length - 1; at >= 0 && at >= bytes.length - MOST_CARRIED; at--) {
    const byte = bytes[at];
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return at + length > bytes.length ? at : bytes.length;
  }
  return bytes.length;
}
