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
import type { SpareFolder } from "./spare-folder.ts";

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

/**
 * Steps 1 and 2. A small archive stays the file that it is.
 *
 * @returns what the archive is; it is called what it will be called, where no other has that name
 */
export async function keepArchive(
  attempt: Attempt,
  archive: WrittenArchive,
  store: Store,
  whole_below_bytes: number,
): Promise<ArchiveEntry> {
  const { path: file } = archive;
  const entry = asOwner(attempt, () => describeWritten(archive));
  const base = resultBase(attempt.folder);
  if (entry.size_bytes < whole_below_bytes) {
    const whole = `${base}${WHOLE_ENDING}`;
    await whileOwner(attempt, () => seeToDisk(file));
    asOwner(attempt, () => {
      if (file !== whole && !move(file, whole)) throw lost(attempt.id);
    });
    return entry;
  }
  await whileOwner(attempt, () => store.addTo(file, entry.name, (publish) => publish(`${base}${TAKEN_ENDING}`)));
  asOwner(attempt, () => remove(file));
  return entry;
}

/**
 * Steps 3 to 5.
 *
 * @param entry what keepArchive has found of the attempt's archive; null when it was not called
 * @throws Unpublished after step 3: from there on recovery goes on, and nothing that the attempt could say counts
 */
export async function complete(
  attempt: Attempt,
  entry: ArchiveEntry | null,
  shelf: ArchiveShelf,
  spare: SpareFolder,
): Promise<ArchiveEntry> {
  const kept = asOwner(attempt, () => keptAt(resultBase(attempt.folder)));
  if (entry === null || kept === null) {
    throw new FoldError("failed", `job ${attempt.id} has no archive`, "write the archive before completing the job");
  }
  const done = attempt.folder.replace(/\.work$/, ".done");
  // What comes next waits for the disk, and for this step with it.
  if (!moveQuickly(attempt.folder, done)) throw lost(attempt.id);
  try {
    const name = await publish(done, entry.name, shelf);
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
  await publish(folder, entry.name, shelf);
  remove(folder);
  return true;
}

/** Step 4, of a folder that is the caller's and has its archive. */
async function publish(folder: string, name: string, shelf: ArchiveShelf): Promise<string> {
  const archive = keptAt(resultBase(folder));
  return archive === null ? name : await shelve(shelf, archive, name);
}
