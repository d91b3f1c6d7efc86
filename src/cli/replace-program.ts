// A program and the one before it change places. At every moment there is a whole program at its path.
import {
  chmodSync,
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
import { FoldError, fromSystemError } from "../errors.ts";

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
 * What tells a program from another that takes its place later.
 *
 * @throws FoldError `not_found` or `unreadable`
 */
export function identityOf(path: string): string {
  try {
    const { dev, ino, size, mtimeMs } = statSync(path);
    return [dev, ino, size, mtimeMs].join(" ");
  } catch (error) {
    throw fromSystemError(error, "read the program", path);
  }
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
    const { code, message, hint } = fromSystemError(error, "write to the program's folder", parent);
    const other = "do it as whoever may, for instance with sudo; or install the program in a folder of yours";
    throw new FoldError(code, message, code === "read_only" ? other : hint, error);
  }
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function removeLeftBehind(parent: string): void {
  try {
    for (const name of readdirSync(parent)) {
      if (!name.startsWith(TEMPORARY)) continue;
      const folder = join(parent, name);
      const made = statSync(folder, { throwIfNoEntry: false });
      if (made !== undefined && Date.now() - made.mtimeMs > LEFT_BEHIND_MS) {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  } catch {
    // It may be another user's, and keeps nobody from an upgrade.
  }
}

/**
 * Puts a new program, which is on the disk already, in the place of another, and keeps that one.
 *
 * @param was the identity of the other, from before the upgrade began
 * @throws FoldError `conflict` where somebody else has replaced it since
 */
export function replaceProgram(path: string, program: string, folder: string, was: string): void {
  changePlaces(path, was, () => {
    // Whoever could run it can run the new one, whatever the umask of this process.
    chmodSync(program, statSync(path).mode & 0o777);
    const old = join(folder, "old");
    secondName(path, old);
    // First what was there gets its second name, then it loses its first: a crash between the two leaves it in place.
    renameSync(old, previousOf(path));
    renameSync(program, path);
  });
}

/**
 * Puts the kept program back in its place, and keeps the one that was there.
 *
 * @param was as above
 * @throws FoldError `conflict` as above
 */
export function bringBack(path: string, folder: string, was: string): void {
  changePlaces(path, was, () => {
    const [program, old] = [join(folder, "program"), join(folder, "old")];
    secondName(previousOf(path), program);
    secondName(path, old);
    // The other way round than above: a crash between the two would leave what is wanted back in the folder alone.
    renameSync(program, path);
    renameSync(old, previousOf(path));
  });
}

function changePlaces(path: string, was: string, change: () => void): void {
  if (identityOf(path) !== was) {
    throw new FoldError(
      "conflict",
      `${path} was replaced by somebody else in the meantime`,
      "nothing was changed; see which version it is now, and run the same command again if need be",
    );
  }
  try {
    change();
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
