import { closeSync, openSync, readSync } from "node:fs";
import { MANIFEST, type MemberEntry, sha256 } from "../archive/manifest.ts";
import { Archive } from "../archive/reader.ts";
import { ArchiveSource, damaged, MAX_MEMBER_BYTES } from "../archive/source.ts";
import { BLOCK, parseTarHeader } from "../archive/tar.ts";
import { decompressFrame, decompressFrameAside } from "../archive/zstd.ts";
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
    const members: FileMember[] = [];
    const around: Uint8Array[] = [];
    const load = (number: number) => {
      const [head, body] = frames.slice(2 * number, 2 * number + 2);
      return number < entries.length ? loadMember(file, path, entries[number], head, body) : null;
    };
    for (let current = load(0), number = 0; current !== null; number++) {
      // Decompressed while the one before is hashed and written.
      const next = load(number + 1);
      const bytes = await current.bytes;
      around.push(current.headBytes);
      members.push({ ...checkMember(path, entries[number], bytes), ...objectOf(adding, current.frame) });
      await adding.settle();
      await pause();
      current = next;
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

/** Read one member, compare it with its header, and begin to decompress it. */
function loadMember(
  file: number,
  path: string,
  entry: MemberEntry | null,
  head: PlacedFrame,
  body: PlacedFrame,
): { headBytes: Uint8Array; frame: Uint8Array; bytes: Promise<Uint8Array> } {
  const memberPath = entry?.path ?? MANIFEST;
  if (head.content > 2 * BLOCK || body.content > MAX_MEMBER_BYTES) {
    throw damaged(path, `claims ${body.content} bytes for ${memberPath}`);
  }
  const headBytes = read(file, path, head.at, head.compressed);
  const headContent = decompressFrame(headBytes, head.content, path);
  const header = headContent.length < BLOCK ? null : parseTarHeader(headContent.subarray(headContent.length - BLOCK));
  if (header?.path !== memberPath || header.size !== body.content) {
    throw damaged(path, `does not hold ${memberPath} where it should`);
  }
  const frame = read(file, path, body.at, body.compressed);
  const bytes = decompressFrameAside(frame, body.content, path);
  // Told by whoever waits for it; where another member fails first, nobody does.
  bytes.catch(() => {});
  return { headBytes, frame, bytes };
}

/** Compare a member with what the manifest says of it, which cannot hold its own hash. */
function checkMember(
  path: string,
  entry: MemberEntry | null,
  bytes: Uint8Array,
): Omit<FileMember, "object" | "stored"> {
  const hash = sha256(bytes);
  if (entry !== null && (hash !== entry.sha256 || bytes.length !== entry.size)) {
    throw damaged(path, `holds another ${entry.path} than its manifest says`);
  }
  return { type: "file", path: entry?.path ?? MANIFEST, mode: MODE, size: bytes.length, sha256: hash };
}

function objectOf(adding: Adding, frame: Uint8Array): { object: string; stored: number } {
  const { object, size } = adding.put(frame);
  return { object, stored: size };
}

function read(file: number, path: string, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
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
