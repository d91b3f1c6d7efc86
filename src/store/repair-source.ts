import { closeSync, type Dirent, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../archive/manifest.ts";
import { ArchiveSource, MAX_MEMBER_BYTES, readPart } from "../archive/source.ts";
import { compressBound, compressFrame } from "../archive/zstd.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { hashFile, type Pause, piecesOf } from "./files.ts";
import { openSource } from "./read-frame.ts";
import { MAX_AROUND_BYTES, sum } from "./reference.ts";

/** No member of an archive is larger in its frame. A file that claims so, and a reference that wants it, are not believed. */
const MAX_PACKED_BYTES = compressBound(MAX_MEMBER_BYTES);

/** An object that is looked for: by its size, and by the raw bytes that it holds compressed. */
export interface Wanted {
  readonly object: string;
  readonly size: number;
  readonly raw: { readonly sha256: string; readonly size: number } | null;
}

/** Bytes that are an object which is looked for. They are gone when the next are asked for. */
export interface Found {
  readonly object: string;
  readonly pieces: Iterable<Uint8Array>;
}

/**
 * Look for objects in a file, or in all files below a folder: another store, archives as tar.zst files, unpacked ones,
 * or files that are what an object is.
 *
 * @param onSkipped called for a folder that cannot be listed: another may still hold what is looked for
 * @returns what was found, and null behind each file, so that whoever looks can pause
 */
export function* findObjects(
  path: string,
  wanted: ReadonlyMap<string, Wanted>,
  onSkipped: (error: FoldError) => void,
): Generator<Found | null> {
  const sizes = new Set([...wanted.values()].map(({ size }) => size));
  for (const file of filesAt(path, onSkipped)) {
    try {
      yield* framesIn(file, wanted, sizes);
      yield* wholeFile(file, wanted, sizes);
      yield* compressedAgain(file, wanted);
    } catch (error) {
      // A source may be damaged, too, or not be ours to read; another file may still hold what is looked for.
      if (!(error instanceof FoldError || isOfSystem(error))) throw error;
    }
    yield null;
  }
}

/** @throws FoldError for a path that is not there: before a long check, not behind it */
export function expectSource(path: string): void {
  try {
    statSync(path);
  } catch (error) {
    throw fromSystemError(error, "read the file", path);
  }
}

function* filesAt(path: string, onSkipped: (error: FoldError) => void): Generator<string> {
  if (leadsToFile(path)) yield path;
  else yield* filesBelow(path, onSkipped);
}

/** Links to files are followed; those to folders may make a circle. */
function* filesBelow(folder: string, onSkipped: (error: FoldError) => void): Generator<string> {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    onSkipped(fromSystemError(error, "list the folder", folder));
    return;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path, onSkipped);
    else if (entry.isFile() || leadsToFile(path)) yield path;
  }
}

function leadsToFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch (error) {
    if (isOfSystem(error)) return false;
    throw error;
  }
}

function isOfSystem(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

/** The frames of an archive of fold's own are the objects that it would be kept as. */
function* framesIn(path: string, wanted: ReadonlyMap<string, Wanted>, sizes: ReadonlySet<number>): Generator<Found> {
  const source = new ArchiveSource(path);
  const { frames, sizeBytes } = source;
  source.close();
  if (frames === null) return;
  const isMember = (number: number) => number % 2 === 1;
  const packed = frames.filter((_, number) => isMember(number)).map(({ compressed }) => compressed);
  const aroundBytes = sizeBytes - sum(packed);
  const isAroundWanted = sizes.has(aroundBytes) && aroundBytes <= MAX_AROUND_BYTES;
  const file = openSource(path);
  try {
    const around: Uint8Array[] = [];
    for (const [number, { at, compressed }] of frames.entries()) {
      const isToRead = isMember(number) ? sizes.has(compressed) && compressed <= MAX_PACKED_BYTES : isAroundWanted;
      if (!isToRead) continue;
      const isLast = number === frames.length - 1;
      const bytes = readPart(file, path, at, isLast ? sizeBytes - at : compressed);
      if (isMember(number)) yield* ifWanted(bytes, wanted);
      else around.push(bytes);
    }
    if (isAroundWanted) yield* ifWanted(Buffer.concat(around), wanted);
  } finally {
    closeSync(file);
  }
}

function* wholeFile(path: string, wanted: ReadonlyMap<string, Wanted>, sizes: ReadonlySet<number>): Generator<Found> {
  if (!sizes.has(statSync(path).size)) return;
  const object = hashFile(path).sha256;
  if (!wanted.has(object)) return;
  const file = openSource(path);
  try {
    yield { object, pieces: piecesOf(file, 0, Number.MAX_SAFE_INTEGER) };
  } finally {
    closeSync(file);
  }
}

/** A member of an unpacked archive. Compressed by the same version of zstd it becomes the same object again. */
function* compressedAgain(path: string, wanted: ReadonlyMap<string, Wanted>): Generator<Found> {
  const { size } = statSync(path);
  const ofSize = [...wanted.values()].filter(({ raw }) => raw?.size === size);
  if (ofSize.length === 0 || size > MAX_MEMBER_BYTES) return;
  const file = openSource(path);
  try {
    const bytes = readPart(file, path, 0, size);
    const hash = sha256(bytes);
    if (ofSize.some(({ raw }) => raw?.sha256 === hash)) yield* ifWanted(compressFrame(bytes), wanted);
  } finally {
    closeSync(file);
  }
}

function* ifWanted(bytes: Uint8Array, wanted: ReadonlyMap<string, Wanted>): Generator<Found> {
  const object = sha256(bytes);
  if (wanted.has(object)) yield { object, pieces: [bytes] };
}

/** The same, piece by piece and with pauses, for `Adding.putStream`. */
export async function* pausing(pieces: Iterable<Uint8Array>, pause: Pause): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    yield piece;
    await pause();
  }
}
