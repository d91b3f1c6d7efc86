/**
 * The end of an archive: two skippable zstd frames that every decoder passes over.
 *
 * The first holds the SHA-256 of the tar. The second is the seek table of the "zstd seekable format", which
 * names the sizes of all frames before, so that a reader finds the last member without reading all others.
 */

const TRAILER_MAGIC = 0x184d2a50;
const TABLE_MAGIC = 0x184d2a5e;
const FOOTER_MAGIC = 0x8f92eab1;
const SKIPPABLE_HEAD = 8;
const FOOTER_BYTES = 9;
const ENTRY_BYTES = 8;
const TRAILER_LABEL = new TextEncoder().encode("fold");
const HASH_BYTES = 32;
const TRAILER_BYTES = SKIPPABLE_HEAD + TRAILER_LABEL.length + HASH_BYTES;

/** Sizes of one frame, in bytes. */
export interface FrameSize {
  readonly compressed: number;
  readonly content: number;
}

const TRAILER: FrameSize = { compressed: TRAILER_BYTES, content: 0 };

/** Both skippable frames. */
export function encodeTail(frames: readonly FrameSize[], tarSha256: string): Uint8Array {
  // The format wants an entry for every frame before the table, the skippable one included.
  const listed = [...frames, TRAILER];
  const tableBytes = listed.length * ENTRY_BYTES + FOOTER_BYTES;
  const bytes = new Uint8Array(TRAILER_BYTES + SKIPPABLE_HEAD + tableBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, TRAILER_MAGIC, true);
  view.setUint32(4, TRAILER_LABEL.length + HASH_BYTES, true);
  bytes.set(TRAILER_LABEL, SKIPPABLE_HEAD);
  bytes.set(Uint8Array.fromHex(tarSha256), SKIPPABLE_HEAD + TRAILER_LABEL.length);
  view.setUint32(TRAILER_BYTES, TABLE_MAGIC, true);
  view.setUint32(TRAILER_BYTES + 4, tableBytes, true);
  let at = TRAILER_BYTES + SKIPPABLE_HEAD;
  for (const { compressed, content } of listed) {
    view.setUint32(at, compressed, true);
    view.setUint32(at + 4, content, true);
    at += ENTRY_BYTES;
  }
  view.setUint32(at, listed.length, true);
  view.setUint32(at + 5, FOOTER_MAGIC, true);
  return bytes;
}

/** How many bytes from the end hold the tail, judging by the last bytes of a file; null when there is none. */
export function tailSize(end: Uint8Array): number | null {
  if (end.length < FOOTER_BYTES) return null;
  const view = new DataView(end.buffer, end.byteOffset + end.length - FOOTER_BYTES, FOOTER_BYTES);
  if (view.getUint32(5, true) !== FOOTER_MAGIC || view.getUint8(4) !== 0) return null;
  return TRAILER_BYTES + SKIPPABLE_HEAD + view.getUint32(0, true) * ENTRY_BYTES + FOOTER_BYTES;
}

/** Decode the tail of a file whose frames before it take `dataBytes`; null when the two do not agree. */
export function decodeTail(tail: Uint8Array, dataBytes: number): { frames: FrameSize[]; tarSha256: string } | null {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  if (view.getUint32(0, true) !== TRAILER_MAGIC || view.getUint32(TRAILER_BYTES, true) !== TABLE_MAGIC) return null;
  const hashAt = SKIPPABLE_HEAD + TRAILER_LABEL.length;
  if (!TRAILER_LABEL.every((byte, i) => tail[SKIPPABLE_HEAD + i] === byte)) return null;
  const frames: FrameSize[] = [];
  let total = 0;
  for (let at = TRAILER_BYTES + SKIPPABLE_HEAD; at + FOOTER_BYTES < tail.length; at += ENTRY_BYTES) {
    const frame = { compressed: view.getUint32(at, true), content: view.getUint32(at + 4, true) };
    total += frame.compressed;
    frames.push(frame);
  }
  const trailer = frames.pop();
  if (trailer?.compressed !== TRAILER_BYTES || trailer.content !== 0 || total !== dataBytes + TRAILER_BYTES)
    return null;
  return { frames, tarSha256: tail.slice(hashAt, hashAt + HASH_BYTES).toHex() };
}
