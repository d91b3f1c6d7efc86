import { closeSync } from "node:fs";
import { MANIFEST, type MemberEntry } from "../archive/manifest.ts";
import { Archive } from "../archive/reader.ts";
import { ArchiveSource, checkClaim, damaged, MAX_MEMBER_BYTES, readPart } from "../archive/source.ts";
import { BLOCK, parseTarHeader } from "../archive/tar.ts";
import { decompressFrame, decompressFrames } from "../archive/zstd.ts";
import type { Adding } from "./adding.ts";
import type { Pause } from "./files.ts";
import type { PlacedFrame, ReadFrame } from "./member-messages.ts";
import { MemberReader } from "./member-reader.ts";
import { openSource, readFrame } from "./read-frame.ts";
import {
  type FileMember,
  MAX_AROUND_BYTES,
  REFERENCE_VERSION,
  type Reference,
  sealReference,
  sum,
} from "./reference.ts";

const MODE = "0644";

/**
 * Smaller archives are kept as one object: what they could share is less than what each more file takes on a disk, and
 * each waits for the disk.
 */
const LEAST_BYTES = 64 << 10;

/** So many members are read before they are needed. */
const AHEAD = 24;
/** Of fewer members threads take longer to start than they save. */
const LEAST_FOR_THREADS = 16;
/** Reading takes twice as long as storing: it unpacks, and hashes what was packed and what is unpacked. */
const THREADS = 2;

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
  const bodies = entries.map((_, number) => frames[2 * number + 1]);
  const aroundBytes = sizeBytes - sum(bodies.map(({ compressed }) => compressed));
  if (aroundBytes > MAX_AROUND_BYTES) throw damaged(path, `claims ${aroundBytes} bytes between its members`);
  const file = openSource(path);
  try {
    const heads = readHeads(file, path, entries, frames);
    const members: FileMember[] = [];
    const around: Uint8Array[] = heads.slice();
    for await (const [number, { frame, raw, object, size }] of readAll(file, path, bodies)) {
      const described = checkedMember(path, entries[number], raw, size);
      members.push({ ...described, object: adding.put(frame, object).object, stored: frame.length });
      await adding.settle();
      await pause();
    }
    await adding.settleSyncing();
    const end = frames[frames.length - 1];
    around.push(readEnd(file, path, end, sizeBytes));
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

/** All members in order, read ahead on other threads where there are so many that it pays. */
async function* readAll(
  file: number,
  path: string,
  bodies: readonly PlacedFrame[],
): AsyncGenerator<readonly [number, ReadFrame]> {
  if (bodies.length < LEAST_FOR_THREADS) {
    for (const [number, body] of bodies.entries()) yield [number, readFrame(file, path, body)];
    return;
  }
  const readers = Array.from({ length: THREADS }, () => new MemberReader(file, path));
  try {
    const ahead: Promise<ReadFrame>[] = [];
    for (let number = 0; number < bodies.length; number++) {
      for (let next = number + ahead.length; ahead.length < AHEAD && next < bodies.length; next++) {
        ahead.push(readers[next % THREADS].read(bodies[next]));
      }
      yield [number, await (ahead.shift() as Promise<ReadFrame>)];
    }
  } finally {
    for (const reader of readers) reader.close();
  }
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
    checkClaim(frames[2 * number], content, path);
    checkClaim(frames[2 * number + 1], body, path);
  }
  const heads = placed.map(({ at, compressed }) => readPart(file, path, at, compressed));
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

/** Read what stands behind the last member: nothing but zeros in a frame, and the tail, which has been read already. */
function readEnd(file: number, path: string, end: PlacedFrame, sizeBytes: number): Uint8Array {
  const { at, compressed, content } = end;
  checkClaim(end, 3 * BLOCK, path);
  const bytes = readPart(file, path, at, sizeBytes - at);
  const zeros = decompressFrame(bytes.subarray(0, compressed), content, path);
  if (zeros.some((byte) => byte !== 0)) throw damaged(path, "holds something behind its last member");
  return bytes;
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
