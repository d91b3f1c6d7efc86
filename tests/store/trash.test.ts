// What a collection has taken out that did not end is counted as what it is: objects of the store.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Collection } from "../../src/store/collect.ts";
import { statsOf } from "../../src/store/stats.ts";
import { Store } from "../../src/store/store.ts";
import { age, leftovers, objectFiles } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();

test("objects in the trash of a collection that did not end", async () => {
  const store = new Store(join(folder, "state"));
  for (const name of ["kept", "gone"]) {
    writeFileSync(join(folder, name), name);
    await store.add(join(folder, name), name);
  }
  const before = statsOf(store);
  store.remove("gone");
  age(store, 48);
  const run = new Collection(store.objects, { places: store.places, grace_ms: 0, isDry: false }).steps();
  // The object and the copy of its reference.
  while (leftovers(store).length < 2) run.next();
  expect(objectFiles(store).size).toBe(2);
  expect(statsOf(store)).toMatchObject({ objects: 4, object_bytes: before.object_bytes, unneeded: 2 });
  const expected = { objects: 4, deleted: 2, deleted_bytes: statsOf(store).unneeded_bytes, young: 0 };
  expect(await store.collect({ grace_ms: 0, isDry: true })).toMatchObject(expected);
  expect(await store.collect({ grace_ms: 0, isDry: false })).toMatchObject(expected);
  expect(statsOf(store)).toMatchObject({ objects: 2, unneeded: 0 });
});
