import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { WrittenArchive } from "../../archive/writer.ts";
import { FoldError, fromSystemError } from "../../errors.ts";
import { TAKEN_ENDING } from "../../store/layout.ts";
import type { Store } from "../../store/store.ts";
import { WHOLE_ENDING } from "../../store/stored-archive.ts";
import { describeWritten } from "../describe-archive.ts";
import type { ArchiveEntry, Attempt } from "../port.ts";
import { Unpublished } from "../unpublished.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";
import { move, moveQuickly, remove, seeToDisk } from "./files.ts";
import { keptAt, resultBase } from "./kept.ts";
import { asOwner, lost, whileOwner } from "./ownership.ts";
import { shelve } from "./shelving.ts";
import type { SpareFolders } from "./spare-folders.ts";

/**
 * How a job ends. Each step is a rename, and what is left after a crash tells which was the last:
 *
 *     1. the archive's content is in objects/                     crash: nobody needs it; garbage collection takes it
 *     2. archive.ref.json stands in the folder                     crash: the job runs again and writes it again
 *     3. <id>.<token>.work becomes <id>.<token>.done              crash: recovery goes on with 4
 *     4. the same archive in another form, if there is one,        crash: recovery goes on with 4
 *        moves from archives/ into the folder
 *        archive.ref.json moves to archives/                      crash: none in a .done folder: it is published
 *     5. the folder is emptied of the text or the merged archives and kept for another job, or removed
 *
 * The reference leaves the folder by a rename, so it is published once, and only by the owner of the folder. A small
 * archive, and one of before there were objects, is an archive.tar.zst instead, which goes the same way.
 */

/** An archive in the folder of its job: what it will be listed as, where no other has its name, and the name of its file. */
export interface KeptArchive {
  readonly entry: ArchiveEntry;
  readonly file: string;
}

/** Steps 1 and 2. A small archive stays the file that it is. */
export async function keepArchive(
  attempt: Attempt,
  archive: WrittenArchive,
  store: Store,
  whole_below_bytes: number,
): Promise<KeptArchive> {
  const { path } = archive;
  return await whileOwner(attempt, async () => {
    const entry = describeWritten(archive);
    const isWhole = entry.size_bytes < whole_below_bytes;
    const kept = `${resultBase(attempt.folder)}${isWhole ? WHOLE_ENDING : TAKEN_ENDING}`;
    if (isWhole) {
      await seeToDisk(path);
      if (path !== kept && !move(path, kept)) throw lost(attempt.id);
    } else {
      await store.addTo(path, entry.name, (publish) => publish(kept));
      remove(path);
    }
    return { entry, file: basename(kept) };
  });
}

/**
 * Steps 3 to 5.
 *
 * @param kept what keepArchive has kept for the attempt; null when it was not called
 * @throws Unpublished after step 3: from there on recovery goes on, and nothing that the attempt could say counts
 */
export async function complete(
  attempt: Attempt,
  kept: KeptArchive | null,
  shelf: ArchiveShelf,
  spare: SpareFolders,
): Promise<ArchiveEntry> {
  const isThere = asOwner(attempt, () => kept !== null && existsSync(join(attempt.folder, kept.file)));
  if (kept === null || !isThere) {
    throw new FoldError("failed", `job ${attempt.id} has no archive`, "write the archive before completing the job");
  }
  const { entry, file } = kept;
  const done = attempt.folder.replace(/\.work$/, ".done");
  // What comes next waits for the disk, and for this step with it.
  if (!moveQuickly(attempt.folder, done)) throw lost(attempt.id);
  try {
    const name = await shelve(shelf, join(done, file), entry.name);
    spare.keep(done);
    return { ...entry, name };
  } catch (error) {
    throw new Unpublished(attempt.name, entry.size_bytes, fromSystemError(error, "write the archive", done));
  }
}

/**
 * Go on with a folder that is done: steps 4 and 5.
 *
 * @returns false when its archive is damaged, and the job has to run again
 */
export async function finishLost(folder: string, shelf: ArchiveShelf): Promise<boolean> {
  const archive = keptAt(resultBase(folder));
  // It has left the folder: it is published.
  if (archive === null) {
    remove(folder);
    return true;
  }
  const entry = await shelf.describe(archive);
  if (entry === null) return false;
  await shelve(shelf, archive, entry.name);
  remove(folder);
  return true;
}
