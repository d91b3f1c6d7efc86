import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { temporaryPath } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { ProcessLock } from "../storage/process-lock.ts";

const LOCK = "lock";
const HALF = "half";
/** Somebody who looks whether it is left over takes the lock of a folder that is just being made. */
const MOST_TRIES = 100;

/**
 * Make a file beside its place, in a folder that goes away afterwards, so that it can be given its name when it is whole.
 *
 * Whoever makes one has the lock of its folder for as long as his process lives. So what was left there by one that was
 * killed can be told from what somebody is making, and the next one who makes the same file removes it.
 *
 * @param path the place of the file
 * @param act makes it under the name that it is given, and gives it its place
 * @throws FoldError of the disk, and what `act` throws
 */
export async function withFolderBeside<T>(path: string, act: (half: string) => T | Promise<T>): Promise<T> {
  for (const left of foldersBeside(path)) await removeUnlessAlive(left, path);
  const { folder, lock } = await newFolder(path);
  try {
    return await act(join(folder, HALF));
  } finally {
    lock?.release();
    remove(folder);
  }
}

async function newFolder(path: string) {
  for (let tries = 1; ; tries++) {
    const folder = temporaryPath(path);
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      throw fromSystemError(error, "create a folder for", path);
    }
    try {
      const lock = await ProcessLock.take(join(folder, LOCK));
      // Whoever had opened the lock before its folder was removed has one of nothing.
      if (lock !== null && existsSync(join(folder, LOCK))) return { folder, lock };
      lock?.release();
      remove(folder);
    } catch {
      // It was removed before it had its lock; or there are no locks here, and nobody removes it.
      if (existsSync(folder)) return { folder, lock: null };
    }
    if (tries === MOST_TRIES) throw new FoldError("failed", `cannot make a folder for ${path}`, "try again");
  }
}

/** Folders as they are made here, for the same file. */
function foldersBeside(path: string): string[] {
  const start = `${basename(path)}.`;
  try {
    return readdirSync(dirname(path), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name.startsWith(start))
      .filter(({ name }) => /^[0-9a-f]{8}\.tmp$/.test(name.slice(start.length)))
      .map(({ name }) => join(dirname(path), name));
  } catch {
    // Making a folder will tell what is wrong there.
    return [];
  }
}

/** It goes by a rename while its lock is held: who was about to take the lock finds nothing, or not under that name. */
async function removeUnlessAlive(folder: string, path: string): Promise<void> {
  try {
    if (!readdirSync(folder).every(isOurs)) return;
    const lock = await ProcessLock.take(join(folder, LOCK));
    if (lock === null) return;
    try {
      const gone = temporaryPath(path);
      renameSync(folder, gone);
      remove(gone);
    } finally {
      lock.release();
    }
  } catch {
    // Gone in this moment, or there are no locks here. It is in nobody's way.
  }
}

const isOurs = (name: string) => name.startsWith(LOCK) || name.startsWith(HALF);

/** What cannot be removed is in nobody's way, and the next one tries again. */
function remove(folder: string): void {
  try {
    for (const name of readdirSync(folder).filter(isOurs)) rmSync(join(folder, name), { force: true });
    rmdirSync(folder);
  } catch {
    // See above.
  }
}
