// Archives taken apart and put together again by other means than src: to read them independently and to forge them.
import { decompress } from "fzstd";
import { sha256 } from "../../src/archive/manifest.ts";
import { encodeTail } from "../../src/archive/seek-table.ts";

const BLOCK = 512;

/** One member of a tar, as its header tells it. */
export interface TarEntry {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Type flag of ustar: "0" a file, "2" a symbolic link. */
  readonly type?: string;
  /** The size in the header, where it lies. */
  readonly claimed?: number;
}

/** The tar in an archive, by the independent decoder. */
export function tarOfArchive(archive: Uint8Array): Uint8Array {
  return decompress(archive);
}

/** The members of a well-formed tar. */
export function entriesOf(tar: Uint8Array): TarEntry[] {
  const entries: TarEntry[] = [];
  const text = (at: number, length: number) =>
    Buffer.from(tar.subarray(at, at + length))
      .toString()
      .replace(/\0.*/s, "");
  for (let at = 0; tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    entries.push({ path: text(at, 100), bytes: tar.slice(at + BLOCK, at + BLOCK + size) });
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return entries;
}

/** A header block with a right checksum. */
export function headerOf({ path, bytes, type = "0", claimed = bytes.length }: TarEntry): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(path, 0, 100);
  const size = claimed.toString(8).padStart(11, "0");
  block.write(["0000644", "0000000", "0000000", size, "00000000000", ""].join("\0"), 100);
  block.write(`        ${type}`, 148);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** The frames of an archive: padding and header of a member, its bytes, and so on to the end of the tar. */
export function framesOf(entries: readonly TarEntry[]): Uint8Array[] {
  let padding = 0;
  const frames: Uint8Array[] = [];
  for (const entry of entries) {
    frames.push(Buffer.concat([Buffer.alloc(padding), headerOf(entry)]), entry.bytes);
    padding = (BLOCK - (entry.bytes.length % BLOCK)) % BLOCK;
  }
  return [...frames, Buffer.alloc(padding + 2 * BLOCK)];
}

/** An archive in one zstd frame, as any other program would compress the tar. */
export function archiveInOneFrame(entries: readonly TarEntry[]): Uint8Array {
  return Bun.zstdCompressSync(Buffer.concat(framesOf(entries)));
}

/** An archive as fold writes it, with its seek table. */
export function archiveWithTable(entries: readonly TarEntry[]): Uint8Array {
  const frames = framesOf(entries);
  const packed = frames.map((frame) => Bun.zstdCompressSync(frame));
  const sizes = frames.map((frame, i) => ({ compressed: packed[i].length, content: frame.length }));
  return Buffer.concat([...packed, encodeTail(sizes, sha256(Buffer.concat(frames)))]);
}

/** Both ways in which an archive may come. */
export const packings = { "one frame": archiveInOneFrame, "a seek table": archiveWithTable } as const;

/**
 * A zstd frame of `size` zero bytes that is a few bytes per 128 KiB long: a bomb.
 *
 * @param declared the size in its header; null for none
 */
export function zeroFrame(size: number, declared: number | null): Uint8Array {
  const block = 128 << 10;
  const header = Buffer.alloc(declared === null ? 6 : 14);
  header.writeUInt32LE(0xfd2fb528, 0);
  header[4] = declared === null ? 0 : 0xc0;
  header[5] = 7 << 3; // a window of 128 KiB
  if (declared !== null) header.writeBigUInt64LE(BigInt(declared), 6);
  const blocks = Math.ceil(size / block);
  const body = Buffer.alloc(blocks * 4);
  for (let i = 0; i < blocks; i++) {
    const length = Math.min(block, size - i * block);
    body.writeUIntLE((length << 3) | (1 << 1) | (i === blocks - 1 ? 1 : 0), i * 4, 3);
  }
  return Buffer.concat([header, body]);
}
