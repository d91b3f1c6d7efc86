import { join } from "node:path";
import { FoldError } from "../../errors.ts";
import { TAKEN_ENDING } from "../../store/layout.ts";
import { WHOLE_ENDING } from "../../store/stored-archive.ts";
import type { ArchiveEntry, Attempt } from "../port.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";
import { move, moveQuickly, readIfThere, remove, writeQuickly } from "./files.ts";
import { keptAt, resultBase } from "./kept.ts";
import { pathOfName } from "./names.ts";
import { asOwner, ENTRY, isOwned, lost, whileOwner } from "./ownership.ts";
import { shelve } from "./shelving.ts";
import { parse } from "./work-folder.ts";

/**
 * How a job ends. Each step is a rename, and what is left after a crash tells which was the last:
 *
 *     1. the archive's content is in objects/                     crash: nobody needs it; garbage collection takes it
 *     2. archive.ref.json and archive.json stand in the folder    crash: the job runs again and writes them again
 *     3. <id>.<token>.work becomes <id>.<token>.done              crash: recovery goes on with 4
 *     4. archive.ref.json moves to archives/                      crash: none in a .done folder: it is published
 *     5. the folder is removed, the text or the merged archives with it
 *
 * The reference leaves the folder by a rename, so it is published once, and only by the owner of the folder. A small
 * archive, and one of before there were objects, is an archive.tar.zst instead, which goes the same way.
 */

/** Steps 1 and 2. A small archive stays the file that it is. */
export async function keepArchive(
  attempt: Attempt,
  file: string,
  shelf: ArchiveShelf,
  whole_below_bytes: number,
): Promise<void> {
  const entry = await shelf.describe(file);
  // A file inside a folder that is lost is gone with it.
  if (!isOwned(attempt.folder)) throw lost(attempt.id);
  if (entry === null) {
    throw new FoldError("corrupt", `${file} is no whole archive`, "this is a mistake in fold: please report it");
  }
  const name = pathOfName(entry.name);
  const base = resultBase(attempt.folder);
  // Not waited for: a done folder whose entry a power cut has damaged is folded again (isPublishable).
  const writeEntry = () => writeQuickly(join(attempt.folder, ENTRY), JSON.stringify({ ...entry, name }));
  if (entry.size_bytes < whole_below_bytes) {
    asOwner(attempt, () => {
      const whole = `${base}${WHOLE_ENDING}`;
      if (file !== whole && !move(file, whole)) throw lost(attempt.id);
      writeEntry();
    });
    return;
  }
  const place = (publish: (path: string) => void) => {
    publish(`${base}${TAKEN_ENDING}`);
    writeEntry();
  };
  await whileOwner(attempt, () => shelf.store.addTo(file, name, place));
  asOwner(attempt, () => remove(file));
}

/** Steps 3 to 5. */
export async function complete(attempt: Attempt, shelf: ArchiveShelf): Promise<ArchiveEntry> {
  const entry = asOwner(attempt, () => readEntry(attempt.folder));
  if (entry === null || keptAt(resultBase(attempt.folder)) === null) {
    throw new FoldError("failed", `job ${attempt.id} has no archive`, "write the archive before completing the job");
  }
  const done = attempt.folder.replace(/\.work$/, ".done");
  // What comes next waits for the disk, and for this step with it.
  if (!moveQuickly(attempt.folder, done)) throw lost(attempt.id);
  return { ...entry, name: await finish(done, shelf) };
}

/**
 * Steps 4 and 5, of a folder that is the caller's and publishable.
 *
 * @returns the name under which the archive stands
 */
export async function finish(folder: string, shelf: ArchiveShelf): Promise<string> {
  const name = readEntry(folder)?.name ?? "";
  const archive = keptAt(resultBase(folder));
  const shelved = archive !== null ? await shelve(shelf, archive, name) : name;
  remove(folder);
  return shelved;
}

/** A done folder has its archive and knows its name, or the archive has left it; anything else was done by damage. */
export function isPublishable(folder: string): boolean {
  return readEntry(folder) !== null || keptAt(resultBase(folder)) === null;
}

function readEntry(folder: string): ArchiveEntry | null {
  const entry = parse<ArchiveEntry>(readIfThere(join(folder, ENTRY)));
  return typeof entry?.name === "string" ? entry : null;
}
