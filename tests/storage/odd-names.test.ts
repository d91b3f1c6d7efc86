// Texts whose names the store takes in no name: their archives are in it all the same, and can be had from it.
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { breathe } from "../../src/store/files.ts";
import { Store } from "../../src/store/store.ts";
import { foldErrorOf } from "../support/folds.ts";
import { LocalPlace } from "./local-place.ts";
import { publish } from "./place.ts";

const places: LocalPlace[] = [];
afterAll(async () => {
  for (const place of places) await place.remove();
});

/** @param whole_below_bytes archives of less are kept as whole files */
function newPlace(whole_below_bytes: number): LocalPlace {
  const place = new LocalPlace(undefined, whole_below_bytes);
  places.push(place);
  return place;
}

const odd = ["a\\b", "line\nbreak", "tab\t/deep\u0085"];

test.each([0, 1 << 20])("they stand under names that the store takes (whole below %d bytes)", async (below) => {
  const place = newPlace(below);
  const storage = place.open();
  for (const name of odd) await publish(place, name, `of ${JSON.stringify(name)}.`);
  const store = new Store(place.folder);
  expect(store.names()).toEqual(["a_b", "line_break", "tab_/deep_"]);
  expect((await storage.listArchives()).map(({ name }) => name)).toEqual(store.names());
  for (const [number, name] of store.names().entries()) {
    await store.find(name).restore(join(place.scratch, `${number}`), breathe);
    // Under the name of the text, too, as a job may have noted it.
    expect((await storage.readInterner(odd[number])).length).toBeGreaterThan(0);
  }
});

test.each([0, 1 << 20])("what stands under the former name is found (whole below %d bytes)", async (below) => {
  const place = newPlace(below);
  await publish(place, "plain", "one two three.");
  const archives = join(place.folder, "archives");
  const [file] = readdirSync(archives);
  const name = "old\\odd";
  renameSync(join(archives, file), join(archives, file.replace("plain", name)));
  const storage = place.open();
  expect((await storage.listArchives()).map((entry) => entry.name)).toEqual([name]);
  expect(readFileSync(await storage.openArchive(name, place.scratch)).length).toBeGreaterThan(0);
  const store = new Store(place.folder);
  expect(store.names()).toEqual([name]);
  mkdirSync(join(place.scratch, "out"));
  await store.find(name).restore(join(place.scratch, "out", "back"), breathe);
  store.remove(name);
  expect(store.names()).toEqual([]);
  expect((await foldErrorOf(() => store.find(name))).code).toBe("usage");
});
