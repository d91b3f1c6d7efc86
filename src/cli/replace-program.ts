// A program and the one before it change places. At every moment there is a whole program at its path, and no version that
// is in use or kept is lost, whenever this ends.
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { isMissing, syncFolder } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";

const TEMPORARY = ".fold-upgrade-";
/** What an upgrade that was killed has left behind is removed after so long. */
const LEFT_BEHIND_MS = 3_600_000;

/** Where an upgrade keeps the program that it replaces. */
export function previousOf(path: string): string {
  return `${path}.previous`;
}

/** What was replaced, until it takes the place of what was replaced before. */
function replacedOf(path: string): string {
  return `${previousOf(path)}.next`;
}

/** The program to go back to, whatever an upgrade was killed in; null when there is none. */
export function keptOf(path: string): string | null {
  if (isUnfinished(path)) return replacedOf(path);
  return existsSync(previousOf(path)) ? previousOf(path) : null;
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
 * @param before called before each step
 * @throws FoldError `conflict` where somebody else has replaced it since
 */
export function replaceProgram(
  path: string,
  program: string,
  folder: string,
  was: string,
  before: () => void = () => {},
): void {
  changePlaces(path, was, () => {
    // Whoever could run it can run the new one, whatever the umask of this process.
    chmodSync(program, statSync(path).mode & 0o777);
    putInPlace(path, program, folder, before);
  });
}

/**
 * Puts the kept program back in its place, and keeps the one that was there.
 *
 * @param was as above
 * @param before as above
 * @throws FoldError `conflict` as above
 */
export function bringBack(path: string, folder: string, was: string, before: () => void = () => {}): void {
  changePlaces(path, was, () => {
    const program = join(folder, "program");
    before();
    secondName(previousOf(path), program);
    putInPlace(path, program, folder, before);
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
    finish(path);
    change();
  } catch (error) {
    throw fromSystemError(error, "write the program", basename(path));
  }
}

/**
 * The steps of every change. What is there gets a second name, then it loses its first to the new one, then its second
 * name becomes that of what is kept: what was kept before goes only then. Whoever is killed in between leaves the second
 * name, which tells the next how far it came.
 */
function putInPlace(path: string, program: string, folder: string, before: () => void): void {
  const [parent, old] = [dirname(path), join(folder, "old")];
  before();
  // Not at once under the name that counts: a copy is not whole before its end.
  secondName(path, old);
  before();
  renameSync(old, replacedOf(path));
  syncFolder(parent);
  before();
  renameSync(program, path);
  syncFolder(parent);
  before();
  finish(path);
}

/** The last step, of this change or of one that was killed before it. */
function finish(path: string): void {
  if (!isUnfinished(path)) return;
  try {
    renameSync(replacedOf(path), previousOf(path));
  } catch (error) {
    // Somebody else, who came later, has done it.
    if (!isMissing(error)) throw error;
  }
  syncFolder(dirname(path));
}

/** Whether a program was replaced that has not become the kept one; what still stands in its place was not replaced. */
function isUnfinished(path: string): boolean {
  const [now, replaced] = [path, replacedOf(path)].map((name) => statSync(name, { throwIfNoEntry: false }));
  if (now === undefined || replaced === undefined) return false;
  if (now.dev === replaced.dev && now.ino === replaced.ino) return false;
  return now.size !== replaced.size || !readFileSync(path).equals(readFileSync(replacedOf(path)));
}

/** A link where the file system knows links, else a copy. */
function secondName(path: string, second: string): void {
  try {
    linkSync(path, second);
  } catch {
    copyFileSync(path, second, constants.COPYFILE_EXCL);
  }
}
