/**
 * What all rooms that write files have in common: whole files, and folders that survive a power cut.
 *
 * A file gets its name by a rename when it is whole; the name is on the disk when the folder is. Which step waits for the
 * disk, and how a test makes one fail, each room decides for itself.
 */
import { closeSync, fsync, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync, writeSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { fromSystemError } from "./errors.ts";

const fsyncAside = promisify(fsync);

/** What systems say that do not let a folder be opened or synced; where they do, a refusal is a failure. */
const NO_SYNC = ["EACCES", "EBADF", "EINVAL", "EISDIR", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EPERM"];

/** No file system takes longer names of files and folders. */
const MAX_NAME_BYTES = 255;

/** Of what is not whole yet. */
const TEMPORARY_ENDING = ".tmp";

/** Whether something is an error of the operating system with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** The error of the operating system for a file that is not there. */
export function isMissing(error: unknown): boolean {
  return hasCode(error, "ENOENT", "ENOTDIR");
}

/**
 * Names in a folder; none where it is missing.
 *
 * @throws FoldError for anything else that the system says
 */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw fromSystemError(error, "list the folder", folder);
  }
}

/**
 * A path beside another, for what is not whole yet; no two are alike. It begins with the name of the other, unless that is
 * so long that nothing can stand behind it.
 */
export function temporaryPath(path: string): string {
  const ending = `.${crypto.randomUUID().slice(0, 8)}${TEMPORARY_ENDING}`;
  const isShort = Buffer.byteLength(basename(path)) + ending.length <= MAX_NAME_BYTES;
  return isShort ? `${path}${ending}` : join(dirname(path), ending);
}

/** Whether a name is of such a path: of what only who was writing it could have finished. */
export function isTemporary(name: string): boolean {
  return name.endsWith(TEMPORARY_ENDING);
}

/** Write all bytes at the end of what was written: the system may take fewer at a time. */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/**
 * Make the names in a folder survive a power cut, where the system lets folders be synced.
 *
 * @throws the error of the system: the folder is missing, or its disk fails
 */
export function syncFolder(path: string): void {
  const folder = openFolder(path);
  if (folder === null) return;
  try {
    fsyncSync(folder);
  } catch (error) {
    if (!hasCode(error, ...NO_SYNC)) throw error;
  } finally {
    closeSync(folder);
  }
}

/** The same, while others do. */
export async function syncFolderAside(path: string): Promise<void> {
  const folder = openFolder(path);
  if (folder === null) return;
  try {
    await fsyncAside(folder);
  } catch (error) {
    if (!hasCode(error, ...NO_SYNC)) throw error;
  } finally {
    closeSync(folder);
  }
}

/** Make the content of a file survive a power cut, while others do something. */
export async function syncFileAside(path: string): Promise<void> {
  // For writing, too: without it some systems do not sync.
  const file = openSync(path, "r+");
  try {
    await fsyncAside(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Make a folder and those above it, and make them survive a power cut.
 *
 * @param sync called for each folder that another was made in
 */
export function makeFolders(path: string, sync: (folder: string) => void = syncFolder): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  const top = resolve(first);
  for (let made = resolve(path); made.length >= top.length; made = dirname(made)) sync(dirname(made));
}

/**
 * Make a folder that nobody else can put anything into, or find that it is such a one. For folders below places that all
 * users of a machine share, where somebody else may have made it first.
 *
 * @returns false when it belongs to another user, or others may write to it
 * @throws the error of the system when it cannot be made
 */
export function makePrivateFolder(path: string): boolean {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const info = lstatSync(path);
  const uid = process.getuid?.();
  return info.isDirectory() && (uid === undefined || (info.uid === uid && (info.mode & 0o022) === 0));
}

function openFolder(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (hasCode(error, ...NO_SYNC)) return null;
    throw error;
  }
}
