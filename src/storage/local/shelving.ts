import type { ArchiveShelf } from "./archive-shelf.ts";
import { inputBase, keptAt } from "./kept.ts";

/**
 * Put an archive onto the shelf without burying another: where one of the same name stands that is not the same, it
 * gets a number. That happens when a new text came under the name of one that was folded already, whose archive is
 * all that is left of it.
 *
 * Looking and renaming are two steps: should two jobs publish the same name within microseconds, one is lost. Two
 * texts of one name are not in process at the same time, so it takes a merge that fails at that very moment.
 *
 * @returns the name it got
 */
export async function shelve(shelf: ArchiveShelf, file: string, name: string): Promise<string> {
  for (let number = 1; ; number++) {
    const free = number === 1 ? name : `${name}.${number}`;
    if (!(await areSame(shelf, file, shelf.inTheWay(file, free)))) continue;
    await shelf.publish(file, free);
    return free;
  }
}

/** Equal work gives equal bytes: the same text folded twice is one archive, in whatever forms it stands. */
async function areSame(shelf: ArchiveShelf, file: string, others: readonly string[]): Promise<boolean> {
  if (others.length === 0) return true;
  const mine = await shelf.describe(file);
  for (const other of others) {
    if (mine === null || mine.tar_sha256 !== (await shelf.describe(other))?.tar_sha256) return false;
  }
  return true;
}

/** Give the archives of a merge back, as many as are there. */
export async function putBack(shelf: ArchiveShelf, folder: string, names: readonly string[]): Promise<void> {
  for (const [number, name] of names.entries()) {
    const file = keptAt(inputBase(folder, number));
    if (file !== null) await shelve(shelf, file, name);
  }
}
