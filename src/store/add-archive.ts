import { closeSync, openSync, readSync } from "node:fs";
import { MANIFEST, type MemberEntry, sha256 } from "../archive/manifest.ts";
import { Archive } from "../archive/reader.ts";
import { ArchiveSource, damaged, MAX_MEMBER_BYTES } from "../archive/source.ts";
import { BLOCK, parseTarHeader } from "../archive/tar.ts";
import { decompressFrameAside, decompressFrames } from "../archive/zstd.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import type { Adding } from "./adding.ts";
import type { Pause } from "./files.ts";
import { type FileMember, REFERENCE_VERSION, type Reference, sealReference } from "./reference.ts";

const MODE = "0644";

/**
 * Smaller archives are kept as one object: what they could share is less than what each more file takes on a disk, and
 * each waits for the disk.
 */
const LEAST_BYTES = 64 << 10;

/** So many members are read before they are needed. */
const AHEAD = 4;

/** One member as the file holds it. */
interface PlacedFrame {
  readonly at: number;
  readonly compressed: number;
  readonly content: number;
}

/**
 * Store a tar.zst file of fold's own, each member's compressed frame an object: chunks that archives share are the
 * same bytes in all of them. Every frame is decompressed and compared with the archive's manifest on its way.
 *
 * @returns null for a file that does not consist of such frames, to be stored as it is
 * @throws FoldError `corrupt` for an archive that is damaged
 */
export async function addArchive(path: string, name: string, adding: Adding, pause: Pause): Promise<Reference | null> {
  const source = new ArchiveSource(path);
  const { frames, tarSha256, sizeBytes } = source;
  source.close();
  if (frames === null || tarSha256 === null || sizeBytes < LEAST_BYTES) return null;
  const archive = await Archive.open(path);
  archive.close();
  const { manifest } = archive;
  const entries = [manifest.interner, ...manifest.chunks, manifest.optimal_txt, null];
  if (frames.length !== 2 * entries.length + 1) throw damaged(path, "has other frames than its manifest says");
  const file = openSource(path);
  try {
    const heads = readHeads(file, path, entries, frames);
    const members: FileMember[] = [];
    const around: Uint8Array[] = heads.slice();
    const loaded: LoadedMember[] = [];
    for (const [number, entry] of entries.entries()) {
      // Decompressed and hashed while those before are written.
      for (let ahead = number + loaded.length; ahead < Math.min(number + AHEAD, entries.length); ahead++) {
        loaded.push(loadMember(file, path, frames[2 * ahead + 1]));
      }
      const { frame, hashes } = loaded.shift() as LoadedMember;
      const { raw, object, size } = await hashes;
      const described = checkedMember(path, entry, raw, size);
      members.push({ ...described, object: adding.put(frame, object).object, stored: frame.length });
      await adding.settle();
      await pause();
    }
    await adding.settleSyncing();
    const end = frames[frames.length - 1];
    around.push(read(file, path, end.at, sizeBytes - end.at));
    const frame = adding.put(Buffer.concat(around));
    return sealReference({
      fold_archive: REFERENCE_VERSION,
      name,
      kind: "archive",
      members,
      frame: { tar_sha256: tarSha256, object: frame.object, lengths: around.map(({ length }) => length) },
    });
  } finally {
    closeSync(file);
  }
}

/** A member whose content is being looked at on other threads. */
interface LoadedMember {
  readonly frame: Uint8Array;
  /** SHA-256 of the raw bytes and of the frame; size of the raw bytes. */
  readonly hashes: Promise<{ readonly raw: string; readonly object: string; readonly size: number }>;
}

/** Read what stands before each member, and compare its header with the manifest. */
function readHeads(
  file: number,
  path: string,
  entries: readonly (MemberEntry | null)[],
  frames: readonly PlacedFrame[],
): Uint8Array[] {
  const placed = entries.map((_, number) => frames[2 * number]);
  for (const [number, { content }] of placed.entries()) {
    const body = frames[2 * number + 1].content;
    if (content > 2 * BLOCK || body > MAX_MEMBER_BYTES) {
      throw damaged(path, `claims ${body} bytes for ${entries[number]?.path ?? MANIFEST}`);
    }
  }
  const heads = placed.map(({ at, compressed }) => read(file, path, at, compressed));
  const contents = placed.map(({ content }) => content);
  const all = decompressFrames(heads, contents, path);
  let end = 0;
  for (const [number, entry] of entries.entries()) {
    end += contents[number];
    const memberPath = entry?.path ?? MANIFEST;
    const header = contents[number] < BLOCK ? null : parseTarHeader(all.subarray(end - BLOCK, end));
    if (header?.path !== memberPath || header.size !== frames[2 * number + 1].content) {
      throw damaged(path, `does not hold ${memberPath} where it should`);
    }
  }
  return heads;
}

/** Read one member, and begin to decompress and to hash it. */
function loadMember(file: number, path: string, body: PlacedFrame): LoadedMember {
  const frame = read(file, path, body.at, body.compressed);
  const hashes = (async () => {
    const bytes = await decompressFrameAside(frame, body.content, path);
    return { raw: sha256(bytes), object: sha256(frame), size: bytes.length };
  })();
  // Told by whoever waits for it; where another member fails first, nobody does.
  hashes.catch(() => {});
  return { frame, hashes };
}

/** A member, compared with what the manifest says of it, which cannot hold its own hash. */
function checkedMember(
  path: string,
  entry: MemberEntry | null,
  hash: string,
  size: number,
): Omit<FileMember, "object" | "stored"> {
  if (entry !== null && (hash !== entry.sha256 || size !== entry.size)) {
    throw damaged(path, `holds another ${entry.path} than its manifest says`);
  }
  return { type: "file", path: entry?.path ?? MANIFEST, mode: MODE, size, sha256: hash };
}

function read(file: number, path: string, at: number, length: number): Uint8Array {
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

function openSource(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw fromSystemError(error, "read the archive", path);
  }
}
