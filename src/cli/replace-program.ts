// A program and the one before it change places. At every moment there is a whole program at its path.
import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { syncFolder } from "../disk.ts";
import { fromSystemError } from "../errors.ts";

const TEMPORARY = ".fold-upgrade-";
/** What an upgrade that was killed has left behind is removed after so long. */
const LEFT_BEHIND_MS = 3_600_000;

/** Where an upgrade keeps the program that it replaces. */
export function previousOf(path: string): string {
  return `${path}.previous`;
}

/** Whether there is a program to go back to. */
export function hasPrevious(path: string): boolean {
  return existsSync(previousOf(path));
}

/**
 * Runs `body` with an empty folder beside a program, so that what is in it can be renamed to the program's place.
 *
 * @throws FoldError `read_only` where that folder may not be written to
 */
export async function withFolderBeside<T>(path: string, body: (folder: string) => T | Promise<T>): Promise<T> {
  const parent = dirname(path);
  removeLeftBehind(parent);
  let folder: string;
  try {
    folder = mkdtempSync(join(parent, TEMPORARY));
  } catch (error) {
    throw fromSystemError(error, "write to the program's folder", parent);
  }
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function removeLeftBehind(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(TEMPORARY)) continue;
    const folder = join(parent, name);
    const made = statSync(folder, { throwIfNoEntry: false });
    if (made !== undefined && Date.now() - made.mtimeMs > LEFT_BEHIND_MS)
      rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts a new program, which is on the disk already, in the place of another, and keeps that one. */
export function replaceProgram(path: string, program: string, folder: string): void {
  changePlaces(path, program, folder);
}

/** Puts the kept program back in its place, and keeps the one that was there. */
export function bringBack(path: string, folder: string): void {
  const program = join(folder, "program");
  try {
    secondName(previousOf(path), program);
  } catch (error) {
    throw fromSystemError(error, "read the program", previousOf(path));
  }
  changePlaces(path, program, folder);
}

function changePlaces(path: string, program: string, folder: string): void {
  const old = join(folder, "old");
  try {
    secondName(path, old);
    // First what was there gets its second name, then it loses its first: a crash between the two changes nothing.
    renameSync(old, previousOf(path));
    renameSync(program, path);
    syncFolder(dirname(path));
  } catch (error) {
    throw fromSystemError(error, "write the program", basename(path));
  }
}

/** A link where the file system knows links, else a copy. */
function secondName(path: string, second: string): void {
  try {
    linkSync(path, second);
  } catch {
    copyFileSync(path, second, constants.COPYFILE_EXCL);
  }
}
