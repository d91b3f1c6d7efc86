// Names of which one is a folder where the other is a file.
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { quickParent } from "../support/temporary.ts";
import { LocalPlace } from "./local-place.ts";
import {
  claim,
  codeOf,
  failure,
  finish,
  finishAll,
  GRACE_MS,
  idOf,
  publish,
  textsIn,
  writeTinyArchive,
} from "./place.ts";
import { crashBefore } from "./scenarios.ts";

const text = "one two three.\n";
const final = { ...failure, isFinal: true };
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

test.each(["a.txt/b", "a.txt.error.json/b"])("texts a and %s are put aside, and retried", async (name) => {
  const place = newPlace();
  const storage = place.open();
  const names = ["a", name];
  for (const each of names) {
    await place.putText(each, `${each} ${text}`);
    await storage.failJob(await claim(storage), final);
  }
  expect((await storage.listJobs()).map((job) => `${job.name} ${job.state}`).sort()).toEqual(
    names.map((each) => `${each} failed`),
  );
  expect(await place.leftovers()).toEqual([]);
  // The folder that the user has made there, which is empty by now.
  rmSync(join(place.folder, "input"), { recursive: true });
  for (const each of names) {
    await storage.retryJob(await idOf(storage, each));
    await finish(storage, await claim(storage));
  }
  expect(await textsIn(storage)).toEqual(names);
});

test("a text that is being put aside where a file has come meanwhile finds another place", async () => {
  const place = newPlace();
  await place.putText("sub/deep/book", text);
  const storage = place.open();
  const attempt = await claim(storage);
  await crashBefore("failed/sub", async () => storage.failJob(attempt, final));
  mkdirSync(join(place.folder, "failed"), { recursive: true });
  writeFileSync(join(place.folder, "failed/sub"), "");
  place.pass(GRACE_MS + 1_000);
  expect(await storage.reclaimStale()).toBe(1);
  expect((await storage.listJobs()).map(({ name, state }) => `${name} ${state}`)).toEqual(["sub/deep/book failed"]);
  expect(await place.leftovers()).toEqual([]);
});
