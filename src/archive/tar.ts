import { FoldError } from "../errors.ts";

/** Tar works in blocks of this many bytes. */
export const BLOCK = 512;

/**
 * The header block of a regular file in a tar archive (POSIX ustar): no owner, no time, mode 0644.
 *
 * @param path at most 100 ASCII characters; fold's own member names are all short
 */
export function tarHeader(path: string, size: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const put = (at: number, text: string) => block.write(text, at, "latin1");
  put(0, path);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${size.toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(148, "        ");
  put(156, "0");
  put(257, "ustar\x0000");
  let checksum = 0;
  for (const byte of block) checksum += byte;
  put(148, `${checksum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** How many zero bytes follow a member of `size` bytes. */
export function tarPadding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** The member that a header block announces, or null for the end of the archive. */
export function parseTarHeader(block: Uint8Array): { path: string; size: number } | null {
  if (block.every((byte) => byte === 0)) return null;
  const field = (at: number, length: number) => {
    const end = block.indexOf(0, at);
    return new TextDecoder().decode(block.subarray(at, end < 0 ? at + length : Math.min(end, at + length)));
  };
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (sum !== Number.parseInt(field(148, 8), 8)) throw damaged("a header does not match its checksum");
  const size = field(124, 12).trim();
  if (!/^[0-7]+$/.test(size)) throw damaged("a header holds no size");
  if (block[156] !== 0x30 && block[156] !== 0) throw damaged("a member is not a regular file");
  return { path: field(0, 100), size: Number.parseInt(size, 8) };
}

function damaged(what: string): FoldError {
  return new FoldError("corrupt", `the tar is damaged: ${what}`, "get another copy, or fold the text again");
}
