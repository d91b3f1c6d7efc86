// Another worker acts between two steps of a call: the hook before a change is where it gets its turn.
import { afterAll, expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../src/storage/local/clock.ts";
import { move } from "../../src/storage/local/files.ts";
import { LocalStorage } from "../../src/storage/local/local-storage.ts";
import type { Attempt } from "../../src/storage/port.ts";
import { quickParent } from "../support/temporary.ts";
import { textOfSize } from "./cases/merges.ts";
import { LocalPlace } from "./local-place.ts";
import {
  claim,
  codeOf,
  failure,
  finish,
  finishAll,
  GRACE_MS,
  handOver,
  idOf,
  publish,
  textsIn,
  wanted,
} from "./place.ts";
import { withInterruption } from "./scenarios.ts";

const places: LocalPlace[] = [];
afterAll(async () => {
  for (const place of places) await place.remove();
});

async function newPlace(...texts: readonly string[]): Promise<LocalPlace> {
  const place = new LocalPlace(quickParent);
  places.push(place);
  for (const name of texts) await place.putText(name, `${name} two three.\n`);
  return place;
}

/** A grace period later; the folders are taken over before this returns, the rest is awaited by whoever asked. */
function reclaim(place: LocalPlace): Promise<number> {
  place.pass(GRACE_MS + 1_000);
  return place.open().reclaimStale();
}

test("a job that is lost in the middle of its completion is not completed", async () => {
  const place = await newPlace("book");
  const storage = place.open();
  const attempt = await claim(storage);
  await handOver(storage, attempt);
  let reclaimed: Promise<number> = Promise.resolve(0);
  const complete = () =>
    withInterruption(
      ".done",
      () => {
        reclaimed = reclaim(place);
      },
      async () => storage.completeJob(attempt),
    );
  expect(await codeOf(complete)).toBe("lease_lost");
  expect(await reclaimed).toBe(1);
  expect(await storage.listArchives()).toEqual([]);
  await finishAll(storage);
  expect(await textsIn(storage)).toEqual(["book"]);
});

test.each(["heartbeat.json", "free"])(
  "a job that is lost while it is given back, before %s, is lost",
  async (piece) => {
    const place = await newPlace("book");
    const storage = place.open();
    const attempt = await claim(storage);
    await storage.heartbeat(attempt, { share: 0, orthos: 0 });
    let successor: Promise<Attempt | null> = Promise.resolve(null);
    const turn = () => {
      successor = reclaim(place).then(() => claim(place.open()));
    };
    expect(await codeOf(() => withInterruption(piece, turn, async () => storage.abandonJob(attempt, true)))).toBe(
      "lease_lost",
    );
    await finish(place.open(), (await successor) as Attempt);
    expect(await textsIn(storage)).toEqual(["book"]);
  },
);

test("two texts of one name that are at work at once do not get in each other's way", async () => {
  const place = await newPlace("book");
  const storage = place.open();
  let other: Promise<Attempt | null> = Promise.resolve(null);
  const turn = () => {
    // Between the look at what is at work and the claim: the text goes, and a new one comes under its name.
    other = place.open().claimNextJob(wanted());
    writeFileSync(join(place.folder, "input/book.txt"), "a new text.\n");
  };
  const first = await withInterruption("/in_process/book", turn, () => claim(storage));
  const second = (await other) as Attempt;
  expect(second.id).toBe(first.id);
  await storage.abandonJob(first, true);
  await storage.abandonJob(second, true);
  expect((await storage.listJobs()).map(({ state }) => state)).toEqual(["waiting", "waiting"]);
  await storage.cancelJob(first.id);
  await finishAll(storage, false);
  await storage.retryJob(first.id);
  await finishAll(storage, false);
  expect(await textsIn(storage)).toEqual(["book", "book"]);
  expect((await storage.listArchives()).length).toBe(2);
});

test.each<[string, (place: LocalPlace) => Promise<(place: LocalPlace) => unknown>]>([
  ["claimed", async () => (place) => place.open().claimNextJob(wanted())],
  [
    "given back",
    async (place) => {
      const attempt = await claim(place.open());
      return () => place.open().abandonJob(attempt, true);
    },
  ],
  [
    "claimed again",
    async (place) => {
      await place.open().abandonJob(await claim(place.open()), true);
      return () => place.open().claimNextJob(wanted());
    },
  ],
])("a job that is %s while it is cancelled is cancelled", async (_, prepare) => {
  const place = await newPlace("book");
  const turn = await prepare(place);
  const storage = place.open();
  const id = await idOf(storage, "book");
  await withInterruption(
    "/in_process/book",
    () => turn(place),
    () => storage.cancelJob(id),
  );
  expect((await storage.listJobs()).map(({ state, failure }) => [state, failure?.code])).toEqual([
    ["failed", "cancelled"],
  ]);
  expect(await place.leftovers()).toEqual([]);
  expect(await codeOf(() => storage.cancelJob(id))).toBe("not_found");
});

test("a text is cancelled while somebody claims it who has only made its folder", async () => {
  const place = await newPlace("book");
  const storage = place.open();
  const id = await idOf(storage, "book");
  let cancelled: Promise<void> = Promise.resolve();
  const turn = () => {
    cancelled = storage.cancelJob(id);
  };
  expect(await withInterruption("job.json", turn, () => place.open().claimNextJob(wanted()))).toBeNull();
  await cancelled;
  expect((await storage.listJobs()).map(({ state }) => state)).toEqual(["failed"]);
  expect(await place.leftovers()).toEqual([]);
});

test("the reason of a text that is just being put aside is not tidied away", async () => {
  const place = await newPlace("book");
  const storage = place.open();
  const attempt = await claim(storage);
  let reclaimed: Promise<number> = Promise.resolve(-1);
  const turn = () => {
    reclaimed = place.open().reclaimStale();
  };
  await withInterruption("source.txt", turn, async () => storage.failJob(attempt, { ...failure, isFinal: true }));
  expect(await reclaimed).toBe(0);
  expect((await storage.listJobs()).map(({ state }) => state)).toEqual(["failed"]);
  expect(await place.leftovers()).toEqual([]);
});

test("a merge whose second archive is taken by another puts the first one back", async () => {
  const place = await newPlace();
  for (let i = 1; i <= 3; i++) await publish(place, `text-${i}`, textOfSize(i));
  const storage = place.open();
  const taken = join(place.scratch, "taken.json");
  const turn = () => expect(move(join(place.folder, "archives/text-2.json"), taken)).toBe(true);
  const merge = await withInterruption("input-1", turn, () => claim(storage, { merges: true }));
  expect([...merge.archives]).toEqual(["text-1", "text-3"]);
  expect(existsSync(taken)).toBe(true);
});

/** The jobs by name; once, when the listing asks how old the first that runs is, another has its turn. */
async function listWithInterruption(place: LocalPlace, turn: () => unknown): Promise<string[]> {
  let turns = 0;
  const clock: Clock = {
    monotonic_ms: () => place.clock.monotonic_ms(),
    wall_ms: () => {
      // The first time is when the storage is opened.
      if (++turns === 2) turn();
      return place.clock.wall_ms();
    },
  };
  const storage = new LocalStorage({ folder: place.folder, grace_ms: GRACE_MS, whole_below_bytes: 0, clock });
  const jobs = await storage.listJobs();
  expect(turns).toBeGreaterThan(1);
  return jobs.map(({ name, state }) => `${name} ${state}`);
}

test("a job is not missed that is renamed while jobs are listed", async () => {
  const place = await newPlace("a", "b", "c");
  const storage = place.open();
  const [, b] = [await claim(storage), await claim(storage)];
  expect(await listWithInterruption(place, () => storage.abandonJob(b, true))).toEqual([
    "a running",
    "b waiting",
    "c waiting",
  ]);
  const takeBoth = () => {
    void storage.claimNextJob(wanted());
    void storage.claimNextJob(wanted());
  };
  // Of the text it was seen before that it waits; the job is read as it is now.
  expect(await listWithInterruption(place, takeBoth)).toEqual(["a running", "b running", "c waiting"]);
});

test("a merge is chosen by what stands under a name now, not by what a worker has read there before", async () => {
  const place = await newPlace();
  const [a, b] = [await publish(place, "a", textOfSize(1)), await publish(place, "b", textOfSize(2))];
  const storage = place.open();
  const upTo = (merge: number) => wanted({ merges: true, most_bytes: { text: Infinity, merge } });
  const small_bytes = a.sentences_bytes + b.sentences_bytes;
  expect(await storage.claimNextJob(upTo(small_bytes - 1))).toBeNull();
  rmSync(join(place.folder, "archives/a.json"));
  const large = await publish(place, "a", textOfSize(9));
  expect(await storage.claimNextJob(upTo(small_bytes))).toBeNull();
  rmSync(join(place.folder, "archives/b.json"));
  const larger = await publish(place, "b", textOfSize(12));
  expect((await claim(storage, { merges: true })).size_bytes).toBe(large.sentences_bytes + larger.sentences_bytes);
});

test("a move tells what is gone from what has no place to go to", async () => {
  const { scratch } = await newPlace();
  const [file, gone] = [join(scratch, "file"), join(scratch, "gone")];
  writeFileSync(file, "");
  expect(move(gone, join(scratch, "other"))).toBe(false);
  expect(await codeOf(() => move(file, join(gone, "file")))).toBe("not_found");
  expect(move(file, gone)).toBe(true);
});
