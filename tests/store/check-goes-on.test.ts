// The check goes on where a folder cannot be read or written to, and tells it.
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type CheckOptions, checkStore } from "../../src/store/check.ts";
import { breathe } from "../../src/store/files.ts";
import { objectsOf } from "../../src/store/reference.ts";
import { Store } from "../../src/store/store.ts";
import { memoryFolder } from "../support/temporary.ts";
import { asNobody } from "../support/users.ts";

const folder = memoryFolder();

let states = 0;
/** A store with archives whose content is their name, and the objects that these need. */
async function filled(...names: string[]): Promise<{ store: Store; objects: string[] }> {
  const store = new Store(join(folder, `state-${states++}`));
  const objects: string[] = [];
  for (const name of names) {
    const source = join(folder, "source");
    writeFileSync(source, name);
    const { reference } = await store.add(source, name);
    objects.push(...objectsOf(reference).keys());
  }
  return { store, objects };
}

function check(store: Store, options: Partial<CheckOptions> = {}) {
  return checkStore(store, { sample: 1, repairFrom: [], rebuild: false, pause: breathe, ...options });
}

test.each([0o000, 0o311])("a folder of objects with permissions %o", async (mode) => {
  const { store, objects } = await filled("one", "two");
  const [hidden, lost] = objects;
  rmSync(store.objects.path(lost));
  const place = dirname(store.objects.path(hidden));
  chmodSync(place, mode);
  const result = await asNobody(folder, () => check(store));
  chmodSync(place, 0o755);
  expect(result.unread).toEqual([`cannot list the folder ${place}: permission denied`]);
  expect(result.broken).toEqual(mode === 0 ? ["one", "two"] : ["two"]);
  expect(result.bad_objects).toContainEqual(expect.objectContaining({ object: lost, problem: "missing" }));
  expect((await check(store)).broken).toEqual(["two"]);
});

test("a folder of objects that cannot be read, while something is repaired", async () => {
  const { store, objects } = await filled("one", "two");
  for (const object of objects) rmSync(store.objects.path(object));
  const place = dirname(store.objects.path(objects[0]));
  const source = join(folder, `repair-${states++}`);
  mkdirSync(source);
  for (const name of ["one", "two"]) writeFileSync(join(source, name), name);
  if (process.getuid?.() === 0) Bun.spawnSync(["chown", "-R", "65534", dirname(store.archives)]);
  chmodSync(place, 0o000);
  const result = await asNobody(folder, () => check(store, { repairFrom: [source] }));
  chmodSync(place, 0o755);
  const repaired = result.bad_objects.map(({ object, repaired }) => [object, repaired]);
  expect(Object.fromEntries(repaired)).toEqual({ [objects[0]]: false, [objects[1]]: true });
});

test("a folder inside of one to repair from", async () => {
  const { store, objects } = await filled("one");
  rmSync(store.objects.path(objects[0]));
  const source = join(folder, `repair-${states++}`);
  for (const name of ["a", "b/hidden", "c"]) mkdirSync(join(source, name), { recursive: true });
  writeFileSync(join(source, "c/one"), "one");
  chmodSync(join(source, "b/hidden"), 0o000);
  if (process.getuid?.() === 0) Bun.spawnSync(["chown", "-R", "65534", dirname(store.archives)]);
  const result = await asNobody(folder, () => check(store, { repairFrom: [source] }));
  expect(result.skipped).toEqual([`cannot list the folder ${join(source, "b/hidden")}: permission denied`]);
  expect(result.bad_objects).toMatchObject([{ object: objects[0], repaired: true }]);
  expect(result.broken).toEqual([]);
});

test("a file in the place of a folder that references are to be made anew in", async () => {
  const { store } = await filled("a/one", "b/two", "three");
  rmSync(store.archives, { recursive: true });
  mkdirSync(store.archives);
  writeFileSync(join(store.archives, "a"), "in the way");
  const { forgotten, bad_references } = await check(store, { rebuild: true });
  expect(forgotten).toEqual(["b/two", "three"]);
  expect(bad_references).toMatchObject([{ name: "a/one", state: "lost" }]);
  expect(bad_references[0].reason).toContain(join(store.archives, "a"));
  expect(store.names()).toEqual(["b/two", "three"]);
});
