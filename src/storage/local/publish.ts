import { existsSync } from "node:fs";
import { join } from "node:path";
import { FoldError } from "../../errors.ts";
import type { ArchiveEntry, Attempt } from "../port.ts";
import { type ArchiveShelf, describe } from "./archive-shelf.ts";
import { move, readIfThere, remove, writeQuickly } from "./files.ts";
import { pathOfName } from "./names.ts";
import { ARCHIVE, asOwner, ENTRY, isOwned, lost } from "./ownership.ts";
import { shelve } from "./shelving.ts";
import { parse } from "./work-folder.ts";

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
  // A file inside a folder that is lost is gone with it.
  if (!isOwned(attempt.folder)) throw lost(attempt.id);
  if (entry === null) {
    throw new FoldError("corrupt", `${file} is no whole archive`, "this is a mistake in fold: please report it");
  }
  asOwner(attempt, () => {
    const place = join(attempt.folder, ARCHIVE);
    if (file !== place && !move(file, place)) throw lost(attempt.id);
    // Not waited for: a done folder whose entry a power cut has damaged is folded again (isPublishable).
    writeQuickly(join(attempt.folder, ENTRY), JSON.stringify({ ...entry, name: pathOfName(entry.name) }));
  });
}

/** Steps 2 to 4. */
export async function complete(attempt: Attempt, shelf: ArchiveShelf): Promise<ArchiveEntry> {
  const entry = asOwner(attempt, () => readEntry(attempt.folder));
  if (entry === null || !existsSync(join(attempt.folder, ARCHIVE))) {
    throw new FoldError("failed", `job ${attempt.id} has no archive`, "write the archive before completing the job");
  }
  const done = attempt.folder.replace(/\.work$/, ".done");
  if (!move(attempt.folder, done)) throw lost(attempt.id);
  return { ...entry, name: await finish(done, shelf) };
}

/**
 * Steps 3 and 4, of a folder that is the caller's and publishable.
 *
 * @returns the name under which the archive stands
 */
export async function finish(folder: string, shelf: ArchiveShelf): Promise<string> {
  const name = readEntry(folder)?.name ?? "";
  const archive = join(folder, ARCHIVE);
  const shelved = existsSync(archive) ? await shelve(shelf, archive, name) : name;
  remove(folder);
  return shelved;
}

/** A done folder has its archive and knows its name, or the archive has left it; anything else was done by damage. */
export function isPublishable(folder: string): boolean {
  return readEntry(folder) !== null || !existsSync(join(folder, ARCHIVE));
}

function readEntry(folder: string): ArchiveEntry | null {
  const entry = parse<ArchiveEntry>(readIfThere(join(folder, ENTRY)));
  return typeof entry?.name === "string" ? entry : null;
}
