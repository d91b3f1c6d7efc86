import { existsSync } from "node:fs";
import { join } from "node:path";
import { FoldError } from "../../errors.ts";
import type { ArchiveEntry, Attempt } from "../port.ts";
import { type ArchiveShelf, describe } from "./archive-shelf.ts";
import { move, readIfThere, remove, writeWhole } from "./files.ts";
import { ARCHIVE, asOwner, ENTRY, lost } from "./ownership.ts";

/**
 * How a job ends. Each step is a rename, and what is left after a crash tells which was the last:
 *
 *     1. archive.tar.zst and archive.json stand in the folder     crash: the job runs again and finds them
 *     2. <id>.<token>.work becomes <id>.<token>.done              crash: recovery goes on with 3
 *     3. archive.tar.zst moves to archives/                       crash: no archive in a .done folder: it is published
 *     4. the folder is removed, the text or the merged archives with it
 *
 * The archive leaves the folder by a rename, so it is published once, and only by the owner of the folder.
 */

/** Step 1. */
export async function keepArchive(attempt: Attempt, file: string): Promise<void> {
  const entry = await describe(file);
  if (entry === null) {
    throw new FoldError("corrupt", `${file} is no whole archive`, "this is a mistake in fold: please report it");
  }
  asOwner(attempt, () => {
    const place = join(attempt.folder, ARCHIVE);
    if (file !== place && !move(file, place)) throw lost(attempt.id);
    writeWhole(join(attempt.folder, ENTRY), JSON.stringify(entry));
  });
}

/** Steps 2 to 4. */
export function complete(attempt: Attempt, shelf: ArchiveShelf): ArchiveEntry {
  const entry = asOwner(attempt, () => readEntry(attempt.folder));
  if (entry === null || !existsSync(join(attempt.folder, ARCHIVE))) {
    throw new FoldError("failed", `job ${attempt.id} has no archive`, "write the archive before completing the job");
  }
  const done = attempt.folder.replace(/\.work$/, ".done");
  if (!move(attempt.folder, done)) throw lost(attempt.id);
  finish(done, shelf);
  return entry;
}

/** Steps 3 and 4, of a folder that is the caller's. */
export function finish(folder: string, shelf: ArchiveShelf): void {
  const entry = readEntry(folder);
  const archive = join(folder, ARCHIVE);
  if (entry !== null && existsSync(archive)) shelf.publish(archive, entry.name);
  remove(folder);
}

function readEntry(folder: string): ArchiveEntry | null {
  const text = readIfThere(join(folder, ENTRY));
  return text === null ? null : (JSON.parse(text) as ArchiveEntry);
}
