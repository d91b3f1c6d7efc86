import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
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
 * @param mode permission bits of the finished folder
 * @throws FoldError for whatever the system says
 */
export async function writeFolder(
  path: string,
  fill: (temporary: string) => Promise<void>,
  mode = 0o777 & ~process.umask(),
): Promise<void> {
  // Behind a slash at its end the temporary one would be inside of it.
  const place = resolve(path);
  const temporary = temporaryPath(place);
  try {
    mkdirSync(dirname(place), { recursive: true });
    mkdirSync(temporary, { mode: PRIVATE });
    await fill(temporary);
    chmodSync(temporary, mode);
    renameSync(temporary, place);
  } catch (error) {
    removeUnfinished(temporary);
    throw fromSystemError(error, "write the folder", path);
  }
}

function removeUnfinished(folder: string): void {
  try {
    openFolders(folder);
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Why the folder could not be written is what counts.
  }
}

/** Let all folders be emptied again: some may have got their modes already, and be read-only. */
function openFolders(folder: string): void {
  chmodSync(folder, PRIVATE);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) openFolders(join(folder, entry.name));
  }
}
