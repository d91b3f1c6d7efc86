// What the workers of one machine know of each other, without a server of jobs: who has done what, and what a process that
// was killed between two steps has left.
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { describeArchive } from "../../src/storage/describe-archive.ts";
import { ProcessLock } from "../../src/storage/process-lock.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { claim, finish, wanted } from "./place.ts";
import { type SpacesPlace, SpacesPlaces } from "./spaces-place.ts";

const emptyPlaces = new SpacesPlaces();
const text = "one two three. four five six.\n";
const places: SpacesPlace[] = [];
afterAll(async () => {
  for (const place of places) await place.remove();
});

async function newPlace(...names: readonly string[]): Promise<SpacesPlace> {
  const place = await emptyPlaces.make();
  places.push(place);
  for (const name of names) await place.putText(name, text);
  return place;
}

test("what a worker has done it does not do again because another one is told to, nor waits for that", async () => {
  const place = await newPlace("book");
  const [first, second] = [place.open(), place.open()];
  await finish(first, await claim(first));
  await second.assign();
  expect(await first.claimNextJob(wanted())).toBeNull();
  const attempt = await claim(second);
  expect(await first.listJobs()).toEqual([]);
  expect((await second.listJobs()).map(({ state }) => state)).toEqual(["running"]);
  await finish(second, attempt);
  // Another text under the same key is another matter.
  await place.putText("book", "quite another text.\n");
  await finish(first, await claim(first));
});

/** What a process has done to the folder of an attempt when it was killed before its commit. */
const steps: readonly (readonly [string, boolean, string, string])[] = [
  ["gave its attempt back", false, "1", "1.free"],
  ["took over what was given back", true, "1.free", "2"],
  ["took over what a killed one has left", false, "1", "2"],
];

test.each(steps)("a process that was killed while it %s loses no work", async (_, isGivenBack, from, to) => {
  const place = await newPlace("book");
  const killed = place.open();
  const attempt = await claim(killed);
  await killed.spillChunk(attempt, "part-0", new Uint8Array([1, 2]));
  if (isGivenBack) await killed.abandonJob(attempt, true);
  await killed.close();
  const jobs = join(place.config.cacheDir, "spaces", attempt.id);
  renameSync(join(jobs, from), join(jobs, to));
  for (const isTidied of [true, false]) {
    const storage = place.open();
    if (isTidied) await storage.reclaimStale();
    const next = await claim(storage);
    expect([isTidied, await storage.listChunks(next)]).toEqual([isTidied, ["part-0"]]);
    expect(new TextDecoder().decode(await storage.readText(next))).toBe(text);
    await storage.abandonJob(next, true);
  }
  const last = place.open();
  await finish(last, await claim(last));
  expect(await place.leftovers()).toEqual([]);
});

test("a folder that a killed process has left where the next attempt begins is in nobody's way", async () => {
  const place = await newPlace("book");
  const first = place.open();
  const attempt = await claim(first);
  const jobs = join(place.config.cacheDir, "spaces", attempt.id);
  mkdirSync(join(jobs, "2", "junk"), { recursive: true });
  const second = place.open();
  const other = await claim(second);
  expect([other.number, await second.listChunks(other)]).toEqual([2, []]);
  await finish(second, other);
  await finish(first, attempt);
});

test("who has just opened the file of a lock that is released does not hold another one than the next", async () => {
  const path = join(temporaryFolder(), "one.lock");
  const first = (await ProcessLock.take(path))!;
  expect([await ProcessLock.take(path), await ProcessLock.isHeld(path)]).toEqual([null, true]);
  const other = new Database(path);
  first.release();
  expect(await ProcessLock.isHeld(path)).toBe(false);
  const next = (await ProcessLock.take(path))!;
  other.run("pragma busy_timeout = 0");
  expect(() => other.run("begin exclusive")).toThrow("database is locked");
  next.release();
  other.run("begin exclusive");
  expect(await ProcessLock.isHeld(path)).toBe(true);
  other.close();
});

test("of many archives of one name each is found by its number, also beside texts that have a number of their own", async () => {
  const place = await newPlace("a.3");
  const storage = place.open();
  await finish(storage, await claim(storage));
  const given = new Map<string, string>();
  for (let i = 1; i <= 12; i++) {
    await place.putText("a", `${text} and this has ${"x".repeat(i)}.\n`);
    const { name, tar_sha256 } = await finish(storage, await claim(storage));
    given.set(name, tar_sha256);
  }
  const numbers = [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
  expect([...given.keys()]).toEqual(["a", ...numbers.map((number) => `a.${number}`)]);
  const listed = await place.open().listArchives();
  expect(listed.map(({ name }) => name).sort()).toEqual([...given.keys(), "a.3"].sort());
  for (const { name, tar_sha256 } of listed) {
    if (name !== "a.3") expect([name, tar_sha256]).toEqual([name, given.get(name) as string]);
    const path = await storage.openArchive(name, place.scratch);
    expect([name, (await describeArchive(path)).tar_sha256]).toEqual([name, tar_sha256]);
  }
});
