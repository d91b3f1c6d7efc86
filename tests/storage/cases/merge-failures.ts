import { expect } from "bun:test";
import type { Attempt, Storage } from "../../../src/storage/port.ts";
import {
  type Case,
  claim,
  codeOf,
  failure,
  finish,
  finishAll,
  GRACE_MS,
  type Place,
  publish,
  textsIn,
  wanted,
} from "../place.ts";
import { textOfSize } from "./merges.ts";

const merges = { merges: true } as const;

/** Two archives, and a merge of them that has failed for good. */
async function mergeThatFailed(place: Place) {
  for (let i = 1; i <= 2; i++) await publish(place, `text-${i}`, textOfSize(i));
  const storage = place.open();
  const merge = await claim(storage, merges);
  await storage.failJob(merge, { ...failure, isFinal: true });
  return { storage, merge };
}

/** A merge under way, of the smaller one of the two with another archive. */
async function mergeWithAThird(place: Place, storage: Storage): Promise<Attempt> {
  await publish(place, "text-9", textOfSize(9));
  const merge = await claim(storage, merges);
  expect([...merge.archives]).toEqual(["text-1", "text-9"]);
  return merge;
}

export const mergeFailureCases: readonly Case[] = [
  {
    name: "a merge that was given back or lost is claimed again, before any other",
    needs: "coordination",
    run: async (place) => {
      for (let i = 1; i <= 4; i++) await publish(place, `text-${i}`, textOfSize(i));
      const storage = place.open();
      const first = await claim(storage, merges);
      await storage.abandonJob(first, true);
      expect(await storage.claimNextJob(wanted())).toBeNull();
      const second = await claim(storage, merges);
      expect([second.id, second.number, second.archives]).toEqual([first.id, 2, first.archives]);
      await place.pass(GRACE_MS + 1_000);
      expect(await place.open().reclaimStale()).toBe(1);
      expect((await storage.listJobs())[0].failures).toBe(1);
      const third = await claim(storage, { ...merges, id: first.id });
      expect([third.id, third.number]).toEqual([first.id, 3]);
      expect((await storage.readArchives(third)).length).toBe(2);
      await storage.abandonJob(third, false);
      await finishAll(storage);
      expect(await textsIn(storage)).toEqual(["text-1", "text-2", "text-3", "text-4"]);
      expect((await storage.listArchives()).length).toBe(1);
    },
  },
  {
    name: "a pair whose merge fails for good stays apart, each may go with others, until it is retried",
    needs: "coordination",
    run: async (place) => {
      const { storage, merge } = await mergeThatFailed(place);
      expect((await storage.listArchives()).map(({ name }) => name)).toEqual(["text-1", "text-2"]);
      expect((await storage.listJobs()).map(({ id, kind, state }) => [id, kind, state])).toEqual([
        [merge.id, "merge", "failed"],
      ]);
      expect(await storage.claimNextJob(wanted(merges))).toBeNull();
      const other = await mergeWithAThird(place, storage);
      await storage.abandonJob(other, true);
      await storage.cancelJob(other.id);
      const third = await claim(storage, merges);
      expect([...third.archives]).toEqual(["text-2", "text-9"]);
      await storage.cancelJob(third.id);
      expect(await storage.claimNextJob(wanted(merges))).toBeNull();
      await storage.retryJob(merge.id);
      expect(await codeOf(() => storage.retryJob(merge.id))).toBe("not_found");
      expect([...(await claim(storage, merges)).archives]).toEqual(["text-1", "text-2"]);
      expect(await place.leftovers()).not.toEqual([]);
    },
  },
  {
    name: "a merge that has failed for good is over when an archive of it goes into another one",
    needs: "coordination",
    run: async (place) => {
      const { storage, merge } = await mergeThatFailed(place);
      const other = await mergeWithAThird(place, storage);
      const isToldAgain = () => codeOf(() => storage.retryJob(merge.id));
      // That merge may still come to nothing.
      expect([await isToldAgain(), await isToldAgain()]).toEqual(["failed", "failed"]);
      expect((await storage.listJobs()).filter(({ state }) => state === "failed").map(({ id }) => id)).toEqual([
        merge.id,
      ]);
      await finish(storage, other);
      expect([await isToldAgain(), await isToldAgain()]).toEqual(["not_found", "not_found"]);
      expect(await storage.listJobs()).toEqual([]);
      await finish(storage, await claim(storage, merges));
      expect(await textsIn(storage)).toEqual(["text-1", "text-2", "text-9"]);
      expect((await storage.listArchives()).length).toBe(1);
    },
  },
  {
    name: "a merge that fails three times is put aside, and its archives are whole",
    needs: "coordination",
    run: async (place) => {
      for (let i = 1; i <= 2; i++) await publish(place, `text-${i}`, textOfSize(i));
      const storage = place.open();
      const before = await storage.listArchives();
      expect(await storage.failJob(await claim(storage, merges), failure)).toBe(false);
      await claim(storage, merges);
      await place.pass(GRACE_MS + 1_000);
      await storage.reclaimStale();
      expect(await storage.failJob(await claim(storage, merges), failure)).toBe(true);
      expect(await place.open().listArchives()).toEqual(before);
      expect((await storage.listJobs()).map(({ failures, failure: why }) => [failures, why?.code])).toEqual([
        [3, "not_utf8"],
      ]);
      expect(await place.leftovers()).toEqual([]);
    },
  },
  {
    name: "an archive that comes back does not bury a new one of its name",
    needs: "coordination",
    run: async (place) => {
      for (let i = 1; i <= 2; i++) await publish(place, `text-${i}`, textOfSize(i));
      const storage = place.open();
      const merge = await claim(storage, merges);
      await publish(place, "text-1", textOfSize(5));
      await storage.cancelJob(merge.id);
      expect((await storage.listArchives()).length).toBe(3);
      expect(await textsIn(storage)).toEqual(["text-1", "text-1", "text-2"]);
    },
  },
];
