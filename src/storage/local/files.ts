import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import {
  hasCode,
  isMissing,
  makeFolders,
  namesIn,
  syncFileAside,
  syncFolderAside,
  syncFolder as syncOnDisk,
  temporaryPath,
  writeAll,
} from "../../disk.ts";
import { type FileAction, FoldError, fromSystemError } from "../../errors.ts";
import { Files } from "../../store/files.ts";

/**
 * Every change that the local backend makes to a disk goes through this file, so that tests can let the Nth of them
 * fail, and so that what must survive a power cut is decided in one place.
 */

export { isMissing, namesIn };

/** What systems say whose disks know no symbolic links, or do not let everybody make one; a link of 4 kB is too long. */
const NO_LINKS = ["EACCES", "EINVAL", "ENAMETOOLONG", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EPERM", "UNKNOWN"];

/** Called before every change with its name; a test may throw here. */
let beforeChange: (change: string) => void = () => {};

/** For tests: call `hook` before every change; give the old one back when done. */
export function interceptChanges(hook: (change: string) => void): () => void {
  const before = beforeChange;
  beforeChange = hook;
  return () => {
    beforeChange = before;
  };
}

/** The same for what the object store does to the disk. */
export const storeFiles = new Files((operation, path) => beforeChange(`${operation} ${path}`));

/**
 * Note a short text as where a symbolic link leads to. Unlike the content of a file, that is in the journal of a file
 * system as a rename is: it survives a power cut if anything does that was moved later, and nobody waits for the disk.
 *
 * @returns false where there are no links
 */
export function writeLink(path: string, text: string): boolean {
  try {
    beforeChange(`link ${path}`);
    symlinkSync(text, path);
    return true;
  } catch (error) {
    if (hasCode(error, ...NO_LINKS)) return false;
    throw fromSystemError(error, "write the file", path);
  }
}

/** What `writeLink` has noted; null where there is none. */
export function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isMissing(error) || hasCode(error, "EINVAL", ...NO_LINKS)) return null;
    throw fromSystemError(error, "read the file", path);
  }
}

/** Make a folder and those above it. */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  // What is moved into a folder is on the disk only when the folder itself is.
  change(`create ${path}`, "create the folder", path, () => makeFolders(path, syncFolder));
}

/**
 * Make a folder in one that is there, and never that one: who has lost a job must not make its folder anew. It is on the
 * disk as soon as a file in it has been seen there.
 */
export function makeSubfolder(path: string): void {
  if (existsSync(path)) return;
  change(`create ${path}`, "create the folder", path, () => {
    try {
      mkdirSync(path);
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
  });
}

/** Write a file that is not there yet, and see it to the disk; its name is there when the folder is (writeWhole). */
export function writeNew(path: string, content: string): void {
  const bytes = Buffer.from(content);
  try {
    writeBytes(path, bytes, true, path);
  } catch (error) {
    throw noRoomFor(bytes.length, path, error) ?? error;
  }
}

/** Write a whole file or none: aside, to the disk, then renamed into place. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  writeAside(path, content, true);
  syncFolder(dirname(path));
}

/**
 * Write a whole file or none; after a power cut it is there if anything is that was moved into its folder later. For
 * what is followed by such a move: it saves waiting for the disk twice.
 */
export function writeBeforeMove(path: string, content: string | Uint8Array): void {
  writeAside(path, content, true);
}

/**
 * Write a whole file or none, as long as the machine runs: after a power cut the file may be gone, empty or the one
 * before. For what costs nothing but time when it is lost, and is written often.
 */
export function writeQuickly(path: string, content: string | Uint8Array): void {
  writeAside(path, content, false);
}

/**
 * Write over a small file that is there, in place; after a power cut it may be any mixture of what it was and is. For
 * what only its owner reads until it is renamed: some file systems take as long to make a file as to wait for the disk.
 *
 * @returns false when there is no such file any more
 */
export function overwrite(path: string, content: string): boolean {
  const bytes = Buffer.from(content);
  try {
    beforeChange(`write ${path}`);
    const file = openSync(path, "r+");
    try {
      writeAll(file, bytes);
      // Afterwards and not before: a file that was emptied is seen to the disk at once by some.
      ftruncateSync(file, bytes.length);
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw fromSystemError(error, "write the file", path);
  }
}

function writeAside(path: string, content: string | Uint8Array, isSynced: boolean): void {
  const temporary = temporaryPath(path);
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  try {
    writeBytes(temporary, bytes, isSynced, path);
    change(`publish ${path}`, "rename the file", path, () => renameSync(temporary, path));
  } catch (error) {
    const room = noRoomFor(bytes.length, path, error);
    remove(temporary);
    throw room ?? error;
  }
}

/** @param told the path that messages name */
function writeBytes(path: string, bytes: Uint8Array, isSynced: boolean, told: string): void {
  change(`write ${told}`, "write the file", told, () => {
    const file = openSync(path, "wx");
    try {
      writeAll(file, bytes);
      if (isSynced) fsyncSync(file);
    } finally {
      closeSync(file);
    }
  });
}

/**
 * Move a file or folder; the decisive step of claims and completions. Afterwards it survives a power cut.
 *
 * The folder that it leaves is not waited for: a rename is one step in the journal of a file system, and on one without
 * a journal the worst is that a text or an archive is in both places, where nothing is lost.
 *
 * @returns false when there is nothing at `from` any more: somebody else was faster
 */
export function move(from: string, to: string): boolean {
  const isMoved = moveQuickly(from, to);
  if (isMoved) syncFolder(dirname(to));
  return isMoved;
}

/**
 * Move a file or folder without waiting for the disk: a power cut may undo it, and then everything that was done after
 * it as well. For steps that a restart takes again.
 */
export function moveQuickly(from: string, to: string): boolean {
  try {
    beforeChange(`move ${from} ${to}`);
    renameSync(from, to);
  } catch (error) {
    if (isMissing(error) && !existsSync(from)) return false;
    throw fromSystemError(error, "rename the file", from);
  }
  return true;
}

/** Wait until a folder is on the disk, with the names in it, while others do something. */
export async function seeFolderToDisk(path: string): Promise<void> {
  try {
    await syncFolderAside(path);
  } catch (error) {
    if (!isMissing(error)) throw fromSystemError(error, "write the folder", path);
  }
}

/** Wait until the content of a file is on the disk, while others do something. */
export async function seeToDisk(path: string): Promise<void> {
  try {
    beforeChange(`sync ${path}`);
    await syncFileAside(path);
  } catch (error) {
    throw fromSystemError(error, "write the file", path);
  }
}

/** Remove a file or a folder with all in it; what is not there is removed already. */
export function remove(path: string): void {
  const info = lstatSync(path, { throwIfNoEntry: false });
  if (info === undefined) return;
  if (!info.isDirectory()) {
    removeOne(path, unlinkSync);
    return;
  }
  // Somebody who has lost the folder and does not know it yet may put one more file into it.
  for (let tries = 1; ; tries++) {
    for (const name of namesIn(path)) remove(join(path, name));
    try {
      removeOne(path, rmdirSync);
      return;
    } catch (error) {
      if (tries === 3 || namesIn(path).length === 0) throw error;
    }
  }
}

/** Remove all that is in a folder but what is kept. */
export function removeIn(folder: string, isKept: (name: string) => boolean): void {
  for (const name of namesIn(folder)) if (!isKept(name)) remove(join(folder, name));
}

function removeOne(path: string, act: (path: string) => void): void {
  change(`remove ${path}`, "remove the file", path, () => {
    try {
      act(path);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  });
}

/** A small file's text; null where there is none. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return null;
    throw fromSystemError(error, "read the file", path);
  }
}

function change(name: string, action: FileAction, path: string, act: () => void): void {
  try {
    beforeChange(name);
    act();
  } catch (error) {
    throw fromSystemError(error, action, path);
  }
}

/** The error for a file that found no room, with how much it needed; null for any other error. */
function noRoomFor(size_bytes: number, path: string, error: unknown): FoldError | null {
  if (!(error instanceof FoldError) || error.code !== "no_space") return null;
  return new FoldError("no_space", `${error.message}; it needs ${size_bytes} bytes${freeAt(path)}`, error.hint, error);
}

function freeAt(path: string): string {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return `, ${bavail * bsize} are free`;
  } catch {
    // A note in a message: what it is for tells more than why it is missing.
    return "";
  }
}

/** A rename is on the disk only when the folder is. Whoever has lost a folder meanwhile is told so by the next step. */
function syncFolder(path: string): void {
  try {
    syncOnDisk(path);
  } catch (error) {
    if (!isMissing(error)) throw fromSystemError(error, "write the folder", path);
  }
}
