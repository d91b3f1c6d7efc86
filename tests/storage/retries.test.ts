// Jobs of a state directory that were put aside: where their texts go, and which comes back first.
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Storage } from "../../src/storage/port.ts";
import { quickParent } from "../support/temporary.ts";
import { LocalPlace } from "./local-place.ts";
import { claim, codeOf, failure, finish, GRACE_MS, idOf, wanted } from "./place.ts";
import { crashBefore, withInterruption } from "./scenarios.ts";

const places: LocalPlace[] = [];
afterAll(async () => {
  for (const place of places) await place.remove();
});

function newPlace(): LocalPlace {
  const place = new LocalPlace(quickParent);
  places.push(place);
  return place;
}

/** Put a text in and put its job aside. */
async function putAside(place: LocalPlace, storage: Storage, name: string, text = "one two three.\n"): Promise<void> {
  await place.putText(name, text);
  await storage.failJob(await claim(storage), { ...failure, isFinal: true });
}

/** Fold the text that waits; what it says. */
async function foldNext(storage: Storage): Promise<string> {
  const attempt = await claim(storage);
  const text = new TextDecoder().decode(await storage.readText(attempt));
  await finish(storage, attempt);
  return text;
}

test("of texts of one name the one that was put aside first is retried first, whatever place it has", async () => {
  const place = newPlace();
  const storage = place.open();
  const sincePast = (file: string, since_s: number) =>
    utimesSync(join(place.folder, "failed", `${file}.error.json`), since_s, since_s);
  await putAside(place, storage, "book", "first words.\n");
  const id = await idOf(storage, "book");
  sincePast("book.txt", 1_000);
  await putAside(place, storage, "book", "second words.\n");
  sincePast("2-book.txt", 2_000);
  await storage.retryJob(id);
  expect(await foldNext(storage)).toBe("first words.\n");
  // It gets the first place again.
  await putAside(place, storage, "book", "third words.\n");
  for (const text of ["second words.\n", "third words.\n"]) {
    await storage.retryJob(id);
    expect(await foldNext(storage)).toBe(text);
  }
});

/** Retry the only job; once, before the first change whose name has this piece, another has its turn. */
async function retryWith(place: LocalPlace, piece: string, turn: () => void): Promise<void> {
  const storage = place.open();
  const { id } = (await storage.listJobs())[0];
  await withInterruption(piece, turn, async () => storage.retryJob(id));
}

test("a retry that slept takes away no reason of a job that has failed again", async () => {
  const place = newPlace();
  await putAside(place, place.open(), "book");
  await retryWith(place, "failed/book.txt.error.json", () => {
    const { exitCode } = Bun.spawnSync(["bun", join(import.meta.dir, "fail-again.ts"), place.folder]);
    expect(exitCode).toBe(0);
  });
  const storage = place.open();
  expect((await storage.listJobs()).map(({ name, state }) => `${name} ${state}`)).toEqual(["book failed"]);
  await storage.reclaimStale();
  expect(place.filesIn("failed")).toEqual(["failed/book.txt", "failed/book.txt.error.json"]);
  expect(await place.leftovers()).toEqual([]);
});

test("a text that comes into input/ during a retry stays, and so does the retried one", async () => {
  const place = newPlace();
  await putAside(place, place.open(), "book", "old words.\n");
  await retryWith(place, "failed/book.txt ", () => {
    writeFileSync(join(place.folder, "input/book.txt"), "new words.\n");
  });
  const storage = place.open();
  expect((await storage.listJobs()).map(({ name, state }) => `${name} ${state}`)).toEqual([
    "book waiting",
    "book waiting",
  ]);
  expect([await foldNext(storage), await foldNext(storage)]).toEqual(["old words.\n", "new words.\n"]);
  expect(await place.leftovers()).toEqual([]);
});

test("a retried text is what it is by now, and its first attempt is to come", async () => {
  const place = newPlace();
  const storage = place.open();
  await putAside(place, storage, "sub/book");
  writeFileSync(join(place.folder, "failed/sub/book.txt"), "mended words.\n");
  const id = await idOf(storage, "sub/book");
  await storage.retryJob(id);
  expect(await storage.listJobs()).toMatchObject([{ id, name: "sub/book", state: "waiting", size_bytes: 14 }]);
  expect(await claim(storage)).toMatchObject({ id, name: "sub/book", number: 1, size_bytes: 14 });
  expect(place.filesIn("failed")).toEqual([]);
});

test("of two texts of one name, one waits at a time and one is at work at a time", async () => {
  const place = newPlace();
  const storage = place.open();
  await putAside(place, storage, "book", "old words.\n");
  await putAside(place, storage, "book", "older words.\n");
  const id = (await storage.listJobs())[0].id;
  await place.putText("book", "new words.\n");
  const newer = await claim(storage);
  await storage.retryJob(id);
  expect(await codeOf(() => storage.retryJob(id))).toBe("usage");
  expect(await storage.claimNextJob(wanted())).toBeNull();
  await finish(storage, newer);
  expect(await foldNext(storage)).toBe("old words.\n");
  await storage.retryJob(id);
  expect(await foldNext(storage)).toBe("older words.\n");
});

test("a job that is being put aside does not bury another of its name that was put aside meanwhile", async () => {
  const place = newPlace();
  const storage = place.open();
  await place.putText("book", "old words.\n");
  const attempt = await claim(storage);
  await crashBefore("beside.json", async () => storage.failJob(attempt, { ...failure, isFinal: true }));
  await place.putText("book", "new words.\n");
  const [{ id }] = await storage.listJobs();
  mkdirSync(join(place.folder, "failed"), { recursive: true });
  renameSync(join(place.folder, "input/book.txt"), join(place.folder, "failed/book.txt"));
  place.pass(GRACE_MS + 1_000);
  expect(await storage.reclaimStale()).toBe(1);
  expect(await storage.listJobs()).toMatchObject([{ id, name: "book", state: "failed" }]);
  expect(readFileSync(join(place.folder, "failed/book.txt"), "utf8")).toBe("new words.\n");
  expect(readFileSync(join(place.folder, "failed/2-book.txt"), "utf8")).toBe("old words.\n");
});
