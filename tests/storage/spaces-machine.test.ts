// What the workers of one machine know of each other, without a server of jobs: who has done what, and what a process that
// was killed between two steps has left.
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { claim, finish } from "./place.ts";
import { SpacesPlace } from "./spaces-place.ts";

const text = "one two three. four five six.\n";
const places: SpacesPlace[] = [];
afterAll(async () => {
  for (const place of places) await place.remove();
});

async function newPlace(...names: readonly string[]): Promise<SpacesPlace> {
  const place = await SpacesPlace.make();
  places.push(place);
  for (const name of names) await place.putText(name, text);
  return place;
}

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
