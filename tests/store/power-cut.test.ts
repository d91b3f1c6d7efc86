// What is made on the way to an object is synced before the reference is there: a power cut must not take it away.
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Files } from "../../src/store/files.ts";
import { objectsOf } from "../../src/store/reference.ts";
import { Store } from "../../src/store/store.ts";
import { writeLongArchive } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const archive = join(folder, "long.tar.zst");
writeLongArchive(archive, 9);

/** A store, and what it has done to the disk, in order. */
function watched(stateDir: string): { store: Store; done: string[] } {
  const done: string[] = [];
  return { store: new Store(stateDir, new Files((operation, path) => done.push(`${operation} ${path}`))), done };
}

/** Every folder with an object, the folder of these, and the one above were synced before the reference got its name. */
function expectSynced({ store, done }: ReturnType<typeof watched>, objects: Iterable<string>): void {
  const published = done.findLastIndex((step) => step.endsWith("reference.tmp"));
  const folders = new Set([...objects].map((object) => dirname(store.objects.path(object))));
  const synced = new Set(done.slice(0, published));
  const isLost = (path: string) => !synced.has(`sync the folder ${path}`);
  expect([...folders, store.objects.folder].filter(isLost)).toEqual([]);
}

test("the first add into a state directory", async () => {
  const state = join(folder, "first");
  mkdirSync(join(state, "archives"), { recursive: true });
  const add = watched(state);
  const { reference } = await add.store.add(archive, "long");
  expectSynced(add, objectsOf(reference).keys());
  expect(add.done.includes(`sync the folder ${state}`)).toBe(true);
});

test("an add of what another has written, who may have ended before it was synced", async () => {
  const state = join(folder, "second");
  const other = new Store(state);
  await other.add(archive, "long");
  for (let i = 0; i < 256; i++) {
    mkdirSync(join(other.objects.folder, i.toString(16).padStart(2, "0")), { recursive: true });
  }
  const add = watched(state);
  const { reference } = await add.store.add(archive, "again");
  expectSynced(add, objectsOf(reference).keys());
});
