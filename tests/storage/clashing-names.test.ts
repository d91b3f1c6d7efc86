// Names of which one is a folder where the other is a file.
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { quickParent } from "../support/temporary.ts";
import { LocalPlace } from "./local-place.ts";
import { claim, codeOf, finishAll, publish, textsIn, writeTinyArchive } from "./place.ts";

const text = "one two three.\n";
const places: LocalPlace[] = [];
afterAll(async () => {
  for (const place of places) await place.remove();
});

function newPlace(whole_below_bytes?: number): LocalPlace {
  const place = new LocalPlace(quickParent, whole_below_bytes);
  places.push(place);
  return place;
}

/** Put an archive where versions before this one have put it. */
function putEarlier(place: LocalPlace, path: string, name: string): void {
  mkdirSync(join(place.folder, "archives", path, ".."), { recursive: true });
  writeTinyArchive(join(place.folder, "archives", path), name, JSON.stringify(name), `${name} ${text}`);
}

test("an archive below a folder that is called like a reference, in either order", async () => {
  for (const names of [
    ["x", "x.json/y"],
    ["x.json/y", "x"],
  ]) {
    const place = newPlace();
    for (const name of names) await publish(place, name, `${name} ${text}`);
    const storage = place.open();
    expect((await storage.listArchives()).map(({ name }) => name)).toEqual(["x", "x.json_/y"]);
    expect(await codeOf(() => storage.openArchive("x.json/z", place.scratch))).toBe("not_found");
    for (const { name } of await storage.listArchives()) {
      expect(existsSync(await storage.openArchive(name, place.scratch))).toBe(true);
    }
    await finishAll(storage);
    expect(await textsIn(storage)).toEqual(["x", "x.json/y"]);
    expect((await storage.listArchives()).length).toBe(1);
  }
});

test("an archive in such a folder from before is found, and none is lost where a reference wants its name", async () => {
  const place = newPlace();
  putEarlier(place, "x.json/y.tar.zst", "x.json/y");
  putEarlier(place, "x.tar.zst", "x");
  const storage = place.open();
  expect((await storage.listArchives()).map(({ name }) => name)).toEqual(["x", "x.json/y"]);
  for (const name of ["x", "x.json/y"]) {
    expect(existsSync(await storage.openArchive(name, place.scratch))).toBe(true);
    expect((await storage.readInterner(name)).length).toBeGreaterThan(0);
  }
  await publish(place, "x", "another text.\n");
  await finishAll(storage);
  expect(await textsIn(storage)).toEqual(["x", "x", "x.json/y"]);
  expect((await storage.listArchives()).length).toBe(1);
  expect(await place.leftovers()).toEqual([]);
});

test("a merge that gives back an archive of before", async () => {
  const place = newPlace();
  putEarlier(place, "x.json/y.tar.zst", "x.json/y");
  putEarlier(place, "x.tar.zst", "x");
  const storage = place.open();
  const merge = await claim(storage, { merges: true });
  await storage.cancelJob(merge.id);
  expect((await storage.listArchives()).map(({ name }) => name)).toEqual(["x", "x.json_/y"]);
  expect((await publish(place, "x.json/y", "new words.\n")).name).toBe("x.json_/y.2");
  await storage.retryJob(merge.id);
  await finishAll(storage);
  expect(await textsIn(storage)).toEqual(["x", "x.json/y", "x.json/y"]);
});
