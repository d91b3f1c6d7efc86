import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Chunk, decodeChunk } from "../archive/chunk.ts";
import { decompressFrame } from "../archive/zstd.ts";
import type { Place } from "../core/chunk-walk.ts";
import { isTemporary, temporaryPath } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";

/**
 * Finished chunks of a run that is not finished, one file each: what a run that was stopped goes on from.
 *
 * A name says which task, which part of it, and from where the walk goes on, so a scan of the folder tells what is
 * left to do. A file gets its name when it is whole; each carries checksums.
 */
export interface SpilledChunk {
  readonly task: number;
  readonly part: number;
  /** Where the next part starts; null after the last part. */
  readonly next: Place | null;
  readonly file: string;
  /** Bytes of the chunk before compression; 0 for one without orthos, whose file is empty. */
  readonly size: number;
}

const NAME = /^(\d+)-(\d+)\.(last|next-(\d+)-(\d+))\.(\d+)\.zst$/;

/** Put a chunk into the folder. `frame` is empty for a chunk without orthos. */
export function spillChunk(folder: string, chunk: Omit<SpilledChunk, "file">, frame: Uint8Array): SpilledChunk {
  const { task, part, next, size } = chunk;
  const goesOn = next === null ? "last" : `next-${next.node}-${next.square}`;
  const file = join(folder, `${task}-${part}.${goesOn}.${size}.zst`);
  const temporary = temporaryPath(file);
  try {
    writeFileSync(temporary, frame);
    renameSync(temporary, file);
    return { ...chunk, file };
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fromSystemError(error, "write a finished part to", folder);
  }
}

/** The chunks in a folder that are whole, by task, each task's parts in order without a gap. */
export function spilledChunks(folder: string): Map<number, SpilledChunk[]> {
  const byTask = new Map<number, SpilledChunk[]>();
  for (const name of readdirSync(folder).sort()) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const [task, part, node, square, size] = [match[1], match[2], match[4], match[5], match[6]].map(Number);
    const next = match[3] === "last" ? null : { node, square };
    const list = byTask.get(task) ?? [];
    list.push({ task, part, next, file: join(folder, name), size });
    byTask.set(task, list);
  }
  for (const [task, list] of byTask) {
    list.sort((a, b) => a.part - b.part);
    const gap = list.findIndex((chunk, part) => chunk.part !== part || !isWhole(chunk));
    if (gap === 0) byTask.delete(task);
    else if (gap > 0) list.length = gap;
  }
  return byTask;
}

/** Read a spilled chunk; null for one without orthos. */
export function readSpilled(chunk: SpilledChunk): { bytes: Uint8Array; frame: Uint8Array; chunk: Chunk } | null {
  if (chunk.size === 0) return null;
  let frame: Uint8Array;
  try {
    frame = readFileSync(chunk.file);
  } catch (error) {
    throw fromSystemError(error, "read a finished part from", chunk.file);
  }
  const bytes = decompressFrame(frame, chunk.size, chunk.file);
  return { bytes, frame, chunk: decodeChunk(bytes, chunk.file) };
}

function isWhole(chunk: SpilledChunk): boolean {
  try {
    readSpilled(chunk);
    return true;
  } catch (error) {
    // A power cut can leave a name without its bytes: that part is walked again.
    if (error instanceof FoldError) return false;
    throw error;
  }
}

/** The file that tells of which fold the parts in a folder are. */
export const KEY_FILE = "key";

/** What a run holds that lets no other into the folder (lock-work.ts). */
export const LOCK_FILE = "lock";

/** Throw away what is in the folder, but for the lock of whoever does so. */
export function emptyWork(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name !== LOCK_FILE) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Make the folder, or find it as a run with the same key left it. What else is in it, or not whole, is thrown away.
 *
 * @param fresh throw away also what a run with the same key left
 */
export function openSpill(folder: string, key: string, fresh = false): { isResumed: boolean } {
  const keyFile = join(folder, KEY_FILE);
  try {
    const found = readKey(keyFile);
    if (found === key && !fresh) {
      for (const name of readdirSync(folder).filter(isTemporary)) rmSync(join(folder, name), { force: true });
      return { isResumed: true };
    }
    if (existsSync(join(folder, LOCK_FILE))) {
      emptyWork(folder);
    } else {
      rmSync(folder, { recursive: true, force: true });
      // Not with the folders above it: a job whose folder was taken away must not make it anew.
      mkdirSync(folder);
    }
    writeFileSync(keyFile, key);
    return { isResumed: false };
  } catch (error) {
    throw fromSystemError(error, "create the work folder", folder);
  }
}

/** The key of the run that left a folder behind; null when there is none. */
function readKey(keyFile: string): string | null {
  try {
    return readFileSync(keyFile, "utf8");
  } catch {
    return null;
  }
}

/** True when a run for this archive has left parts to go on from. */
export function hasWork(archive: string): boolean {
  return existsSync(join(workFolder(archive), KEY_FILE));
}

/** Where the finished parts of an archive wait until it is whole. */
export function workFolder(archive: string): string {
  return `${archive}.work`;
}
