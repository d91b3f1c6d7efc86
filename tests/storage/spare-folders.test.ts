// The folder of a job that is over serves the next one of the same process.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { interceptChanges } from "../../src/storage/local/files.ts";
import type { LocalStorage } from "../../src/storage/local/local-storage.ts";
import { LocalPlace } from "./local-place.ts";
import { claim, failure, finish, GRACE_MS, textsIn } from "./place.ts";

let place: LocalPlace;
let storage: LocalStorage;

beforeEach(async () => {
  place = new LocalPlace(undefined, Number.POSITIVE_INFINITY);
  for (const name of ["a", "b", "c"]) await place.putText(name, `${name} two three.\n`);
  storage = place.open();
});
afterEach(() => place.remove());

function inProcess(): string[] {
  return readdirSync(join(place.folder, "in_process")).sort();
}

/** Finish a job; the name of the spare folder that is left. */
async function spareOf(one: LocalStorage): Promise<string> {
  await finish(one, await claim(one));
  const [spare, ...others] = inProcess().filter((name) => name.startsWith("spare-"));
  expect(others).toEqual([]);
  return spare;
}

test("neither a folder nor a record is made for the next job, and its record is its own", async () => {
  const first = await claim(storage);
  const inodes = (folder: string) => [folder, join(folder, "job.json")].map((path) => statSync(path).ino);
  const before = inodes(first.folder);
  await finish(storage, first);
  const second = await claim(storage);
  expect(inodes(second.folder)).toEqual(before);
  expect(readdirSync(second.folder).sort()).toEqual(["job.json", "source.txt"]);
  expect(JSON.parse(readFileSync(join(second.folder, "job.json"), "utf8"))).toMatchObject({
    id: second.id,
    name: "b",
    input: "b.txt",
    number: 1,
  });
});

test("a record that is shorter than the one before leaves nothing of it", async () => {
  await place.putText("0-a-name-that-is-longer-than-that-of-others", "one two three.\n");
  await finish(storage, await claim(storage));
  const { folder } = await claim(storage);
  expect(JSON.parse(readFileSync(join(folder, "job.json"), "utf8"))).toMatchObject({ name: "a" });
});

test("it is no job, and goes when its owner closes", async () => {
  await spareOf(storage);
  expect((await place.open().listJobs()).map(({ name }) => name)).toEqual(["b", "c"]);
  storage.close();
  expect(inProcess()).toEqual([]);
});

test("one whose owner is gone is removed when it is old; its owner, should it only have slept, does without", async () => {
  await spareOf(storage);
  const other = place.open();
  await other.reclaimStale();
  expect(inProcess()).toHaveLength(1);
  place.pass(GRACE_MS + 1_000);
  await other.reclaimStale();
  expect(inProcess()).toEqual([]);
  await finish(storage, await claim(storage));
  await finish(storage, await claim(storage));
  expect(await textsIn(storage)).toEqual(["a", "b", "c"]);
});

test("what a removal has left in the middle goes with the next, beside another of the same moment", async () => {
  const spare = await spareOf(storage);
  const path = join(place.folder, "in_process", spare);
  const other = path.replace(/[^-]+$/, "0123abcd");
  mkdirSync(other);
  writeFileSync(join(other, "job.json"), "{}");
  renameSync(path, `${path}-old`);
  place.pass(GRACE_MS + 1_000);
  await place.open().reclaimStale();
  expect(inProcess()).toEqual([]);
});

test.each(["write", "move"])("removed by another just before the %s, it is made anew", async (step) => {
  await spareOf(storage);
  let isDone = false;
  const restore = interceptChanges((change) => {
    if (isDone || !change.startsWith(`${step} `) || !change.includes("/spare-")) return;
    isDone = true;
    place.pass(GRACE_MS + 1_000);
    void place.open().reclaimStale();
  });
  try {
    const attempt = await claim(storage);
    expect(attempt.name).toBe("b");
    expect(readdirSync(attempt.folder).sort()).toEqual(["job.json", "source.txt"]);
  } finally {
    restore();
  }
  expect(isDone).toBe(true);
});

test("a power cut may leave the record of the job before: the text waits again under its own name", async () => {
  const first = await claim(storage);
  const record = readFileSync(join(first.folder, "job.json"));
  await finish(storage, first);
  const second = await claim(storage);
  writeFileSync(join(second.folder, "job.json"), record);
  place.pass(GRACE_MS + 1_000);
  const other = place.open();
  expect(await other.reclaimStale()).toBe(1);
  const found = (await other.listJobs()).find(({ name }) => name === "b");
  expect(found).toMatchObject({ id: second.id, state: "waiting", failures: 1 });
});

test("a job that was put aside leaves none behind", async () => {
  const attempt = await claim(storage);
  await storage.failJob(attempt, { ...failure, isFinal: true });
  expect(inProcess()).toEqual([]);
});
