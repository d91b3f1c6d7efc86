import { chmodSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { temporaryPath } from "../disk.ts";
import { fromSystemError } from "../errors.ts";

/** Only its owner may look into it. */
const PRIVATE = 0o700;

/**
 * Make a folder that appears under its name when it is whole: for what leaves the store, and can be had from it again.
 *
 * All of it is made in a new folder beside the place, so nothing that is there already can lead anything elsewhere. What
 * fails leaves nothing but folders above it.
 *
 * @param fill makes what is in it, below the path that it is given
 * @throws FoldError for whatever the system says
 */
export async function writeFolder(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    mkdirSync(temporary, { mode: PRIVATE });
    await fill(temporary);
    chmodSync(temporary, 0o777 & ~process.umask());
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw fromSystemError(error, "write the folder", path);
  }
}
