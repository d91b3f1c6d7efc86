/**
 * Garbage collection: deletes the objects that no reference and no add needs. What others do meanwhile is argued in
 * adding.ts. It does, in this order:
 *
 *     G1  read all journals and references; what they do not name and is older than the grace is a candidate
 *     G2  rename all candidates into a trash folder of this run
 *     G3  read all journals, and then all references: archives first, then those that jobs have taken, and once
 *         more archives
 *     G4  delete from the trash what is not needed, put all else back
 *
 * A job takes a reference out of archives/ by a plain rename, so G3 reads in the direction of that rename. It gives
 * references back, or publishes new ones, as an add does (`whileKept`): either that began before G3 read the journals
 * and is found there, or it took its objects out of the trash again before the reference moved, and that was before G4.
 *
 * A crash leaves a trash folder. Whoever asks for an object finds it there, and the next collection takes over what is
 * in it before its own G1. Two collections at once do the same: who was robbed deletes nothing more.
 */
import { basename, join } from "node:path";
import { isMissing, namesIn } from "../disk.ts";
import { fromSystemError } from "../errors.ts";
import { isAlive, readJournal } from "./adding.ts";
import { type Pause, statOf } from "./files.ts";
import { addNeeded, type ReferencePlace } from "./needed.ts";
import { isObjectName, type ListedObject, type ObjectStore } from "./object-store.ts";

/** So many steps are done before everything else gets its turn. */
const STEPS_AT_ONCE = 500;

export interface CollectOptions {
  /** Where references stand, in the direction in which jobs take them. */
  readonly places: readonly ReferencePlace[];
  /** Objects that were added or used within this time stay. */
  readonly grace_ms: number;
  /** Only tell what would be deleted. */
  readonly isDry: boolean;
  /** Only these objects, not all that there are. */
  readonly among?: Iterable<ListedObject>;
}

export interface Collected {
  /** All that were looked at, those in the trash of others among them. */
  readonly objects: number;
  readonly deleted: number;
  readonly deleted_bytes: number;
  /** Not needed, and younger than the grace. */
  readonly young: number;
  readonly young_bytes: number;
}

/** Delete the objects that nobody needs. */
export async function collect(store: ObjectStore, options: CollectOptions, pause: Pause): Promise<Collected> {
  const collection = new Collection(store, options);
  try {
    let count = 0;
    for (const _ of collection.steps()) if (++count % STEPS_AT_ONCE === 0) await pause();
    return collection.result();
  } catch (error) {
    throw fromSystemError(error, "remove the unneeded objects of", store.folder);
  }
}

/** A collection that is going on. Between any two of its steps others may do anything. */
export class Collection {
  private readonly trash: string;
  // Set before anything is read: what is added from now on is younger.
  private readonly before_ms: number;
  private readonly candidates: ListedObject[] = [];
  private readonly sizes = new Map<string, number>();
  private seen = 0;
  private readonly young = { count: 0, bytes: 0 };
  private readonly deleted = { count: 0, bytes: 0 };

  constructor(
    private readonly store: ObjectStore,
    private readonly options: CollectOptions,
  ) {
    this.trash = join(store.trashFolder, crypto.randomUUID());
    this.before_ms = Date.now() - options.grace_ms;
  }

  *steps(): Generator<void> {
    if (this.options.isDry) {
      const kept = yield* this.mark();
      for (const { size } of this.candidates) count(this.deleted, size);
      yield* this.countTrash(kept);
      return;
    }
    // No folder is made only to find that there is nothing in it.
    if (statOf(this.store.folder) === null) return;
    let isDone = false;
    try {
      this.store.files.makeFolder(this.trash);
      yield* this.takeOver();
      yield* this.mark();
      yield* this.takeOut();
      const needed = yield* this.neededNow();
      yield* this.empty(needed);
      isDone = true;
    } finally {
      // Also where whoever drives this throws, or goes away.
      if (!isDone) this.giveUp();
    }
  }

  result(): Collected {
    const { seen, deleted, young } = this;
    return {
      objects: seen,
      deleted: deleted.count,
      deleted_bytes: deleted.bytes,
      young: young.count,
      young_bytes: young.bytes,
    };
  }

  /** What dead adds and collections have left. */
  private *takeOver(): Generator<void> {
    const { store, trash } = this;
    for (const run of namesIn(store.trashFolder)) {
      const folder = join(store.trashFolder, run);
      if (folder === trash) continue;
      for (const name of namesIn(folder)) {
        if (this.move(join(folder, name), join(trash, name)) && isObjectName(name)) this.seen++;
        yield;
      }
      // Not with all in it: the other collection may be alive, and put something there right now.
      this.removeEmpty(folder);
    }
    for (const token of namesIn(store.addingFolder)) {
      const folder = join(store.addingFolder, token);
      if (isAlive(folder)) continue;
      this.move(folder, join(trash, token));
      yield;
    }
  }

  /** Of a dry run: what would be taken over from others, whatever its age. */
  private *countTrash(kept: ReadonlySet<string>): Generator<void> {
    for (const { object, size } of this.store.listTrash()) {
      yield;
      this.seen++;
      if (!kept.has(object)) count(this.deleted, size);
    }
  }

  /** G1: what is needed. */
  private *mark(): Generator<void, ReadonlySet<string>> {
    const kept = yield* this.neededNow();
    for (const listed of this.options.among ?? this.store.list()) {
      yield;
      this.seen++;
      if (kept.has(listed.object)) continue;
      if (listed.modified_ms <= this.before_ms) this.candidates.push(listed);
      else count(this.young, listed.size);
    }
    return kept;
  }

  /** G2. */
  private *takeOut(): Generator<void> {
    for (const { object, size } of this.candidates) {
      this.sizes.set(object, size);
      this.move(this.store.path(object), join(this.trash, object));
      yield;
    }
  }

  /** G3: the order is the point. */
  private *neededNow(): Generator<void, Set<string>> {
    const { addingFolder } = this.store;
    const adds = namesIn(addingFolder).map((token) => join(addingFolder, token));
    // A dead add that was not taken over may wake up, so it counts; a dry run has taken over none.
    const needed = new Set(adds.filter((folder) => !this.options.isDry || isAlive(folder)).flatMap(readJournal));
    const { places } = this.options;
    for (const place of [...places, ...places.slice(0, 1)]) {
      yield;
      addNeeded(place, needed);
    }
    yield;
    return needed;
  }

  /** G4. */
  private *empty(needed: ReadonlySet<string>): Generator<void> {
    const { store, trash } = this;
    for (const name of namesIn(trash)) {
      yield;
      const path = join(trash, name);
      if (!isObjectName(name)) store.files.remove(path);
      else if (needed.has(name)) store.putBack(name, path);
      else this.unlink(path);
    }
    this.removeEmpty(trash);
  }

  /** Put everything back; should that fail, too, the next collection does it. */
  private giveUp(): void {
    try {
      for (const name of namesIn(this.trash)) {
        if (isObjectName(name)) this.store.putBack(name, join(this.trash, name));
      }
    } catch {
      return;
    }
    this.removeEmpty(this.trash);
  }

  private unlink(path: string): void {
    const size = this.sizes.get(basename(path)) ?? statOf(path)?.size ?? 0;
    if (whereThere(() => this.store.files.unlink(path))) count(this.deleted, size);
  }

  /** False where somebody else was faster. */
  private move(from: string, to: string): boolean {
    return whereThere(() => this.store.files.rename(from, to));
  }

  private removeEmpty(folder: string): void {
    try {
      this.store.files.removeEmpty(folder);
    } catch {
      // Not empty, or gone: the next collection sees to it.
    }
  }
}

function count(sum: { count: number; bytes: number }, size: number): void {
  sum.count++;
  sum.bytes += size;
}

/** Do something to a file; false where somebody else was faster. */
function whereThere(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
