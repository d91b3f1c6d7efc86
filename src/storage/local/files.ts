import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { type FileAction, fromSystemError } from "../../errors.ts";

/**
 * Every change that the local backend makes to a disk goes through this file, so that tests can let the Nth of them
 * fail, and so that what must survive a power cut is decided in one place.
 */

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

/** Make a folder and those above it. */
export function makeFolder(path: string): void {
  change(`create ${path}`, "create the folder", path, () => mkdirSync(path, { recursive: true }));
}

/** Write a whole file or none: aside, to the disk, then renamed into place. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    change(`write ${path}`, "write the file", path, () => {
      const file = openSync(temporary, "wx");
      try {
        const bytes = typeof content === "string" ? Buffer.from(content) : content;
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
    change(`publish ${path}`, "rename the file", path, () => renameSync(temporary, path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/**
 * Move a file or folder; the decisive step of claims and completions. Afterwards it survives a power cut.
 *
 * @returns false when there is nothing at `from` any more: somebody else was faster
 */
export function move(from: string, to: string): boolean {
  beforeChange(`move ${from} ${to}`);
  try {
    renameSync(from, to);
  } catch (error) {
    if (isMissing(error) && !existsSync(from)) return false;
    throw fromSystemError(error, "rename the file", from);
  }
  syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) syncFolder(dirname(from));
  return true;
}

/** Remove a file or a folder with all in it; what is not there is removed already. */
export function remove(path: string): void {
  change(`remove ${path}`, "remove the file", path, () => rmSync(path, { recursive: true, force: true }));
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

/** When a file was last written, in ms since 1970; null where there is none. */
export function writtenAt(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function change(name: string, action: FileAction, path: string, act: () => void): void {
  beforeChange(name);
  try {
    act();
  } catch (error) {
    throw fromSystemError(error, action, path);
  }
}

/** A rename is on the disk only when the folder is. Folders that cannot be opened are those of other systems. */
function syncFolder(path: string): void {
  let folder: number;
  try {
    folder = openSync(path, "r");
  } catch {
    return;
  }
  try {
    fsyncSync(folder);
  } catch {
    // Some file systems know no fsync of folders.
  } finally {
    closeSync(folder);
  }
}
