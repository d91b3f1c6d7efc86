import { mkdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { ProcessLock } from "../storage/process-lock.ts";
import { emptyWork, LOCK_FILE } from "./spill.ts";

/** A work folder that no other run goes on from, or throws away, until it is released. */
export interface LockedWork {
  /** The archive is whole: the folder goes, too. */
  readonly remove: () => void;
  /** Leave the folder to whoever goes on. */
  readonly release: () => void;
}

/**
 * Lock the work folder of an archive, and make it where there is none. The lock ends with its process, so what a run left
 * that was killed is free.
 *
 * @returns null where the file system knows no locks: then whoever starts a second run has to know what he does
 * @throws FoldError `conflict` when another run has it
 */
export async function lockWork(folder: string, archive: string): Promise<LockedWork | null> {
  makeFolder(folder);
  const path = join(folder, LOCK_FILE);
  const lock = await ProcessLock.take(path).catch(() => undefined);
  if (lock === undefined) return null;
  if (lock === null) {
    const hint = "let it end, then run the same command again; or give this one another --name or --out";
    throw new FoldError("conflict", `another \`fold run\` or \`fold merge\` is writing ${archive}`, hint);
  }
  let isHeld = true;
  const release = () => {
    if (isHeld) lock.release();
    isHeld = false;
  };
  return { release, remove: () => removeWork(folder, release) };
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw fromSystemError(error, "create the work folder", folder);
  }
}

/** What is in it goes first, the folder last: whoever takes the lock in between begins anew, and keeps what is his. */
function removeWork(folder: string, release: () => void): void {
  try {
    emptyWork(folder);
  } catch (error) {
    throw fromSystemError(error, "remove the work folder", folder);
  }
  release();
  try {
    rmSync(join(folder, LOCK_FILE), { force: true });
    rmdirSync(folder);
  } catch {
    // Somebody has begun anew. An empty folder alone would be in nobody's way, either.
  }
}
