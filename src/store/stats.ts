import { namesIn } from "../disk.ts";
import { referencesIn } from "./needed.ts";
import { objectsOf, restoredSize } from "./reference.ts";
import type { Store } from "./store.ts";

/** What a store holds and what it saves. Sizes are those of the files' contents. */
export interface StoreStats {
  /** Archives kept as objects, and those kept as whole files or folders. */
  readonly archives: number;
  readonly whole: number;
  /** Those that a collection has taken out and not yet deleted among them. */
  readonly objects: number;
  readonly object_bytes: number;
  /** What the archives kept as objects would take as one file each. */
  readonly archive_bytes: number;
  readonly whole_bytes: number;
  /** Objects that two or more archives need. */
  readonly shared: number;
  readonly shared_bytes: number;
  /** Objects that nothing needs: the next garbage collections delete them. */
  readonly unneeded: number;
  readonly unneeded_bytes: number;
  readonly quarantined: number;
  readonly damaged_references: number;
  /** Share of archive_bytes that is saved, what nobody needs aside; below 0 for archives that share nothing. */
  readonly saved: number;
}

/** Count what is in a store. */
export function statsOf(store: Store): StoreStats {
  const users = new Map<string, number>();
  const own = new Set<string>();
  let [archives, archive_bytes, damaged_references] = [0, 0, 0];
  for (const place of store.places) {
    for (const { reference, object } of referencesIn(place)) {
      if (reference === null) damaged_references++;
      if (reference === null) continue;
      archives++;
      archive_bytes += restoredSize(reference);
      own.add(object);
      for (const name of objectsOf(reference).keys()) users.set(name, (users.get(name) ?? 0) + 1);
    }
  }
  const all = { count: 0, bytes: 0 };
  const shared = { count: 0, bytes: 0 };
  const unneeded = { count: 0, bytes: 0 };
  for (const listing of [store.objects.list(), store.objects.listTrash()]) {
    for (const { object, size } of listing) {
      count(all, size);
      if ((users.get(object) ?? 0) > 1) count(shared, size);
      if (!users.has(object) && !own.has(object)) count(unneeded, size);
    }
  }
  const wholes = store.wholes();
  const quarantined = namesIn(store.objects.quarantineFolder).length;
  return {
    archives,
    whole: wholes.length,
    objects: all.count,
    object_bytes: all.bytes,
    archive_bytes,
    whole_bytes: wholes.reduce((sum, { size_bytes }) => sum + size_bytes, 0),
    shared: shared.count,
    shared_bytes: shared.bytes,
    unneeded: unneeded.count,
    unneeded_bytes: unneeded.bytes,
    quarantined,
    damaged_references,
    saved: archive_bytes === 0 ? 0 : 1 - (all.bytes - unneeded.bytes) / archive_bytes,
  };
}

function count(sum: { count: number; bytes: number }, size: number): void {
  sum.count++;
  sum.bytes += size;
}
