import { expect } from "bun:test";
import type { Storage } from "../../../src/storage/port.ts";
import { type Case, claim, finish, type Place, publish } from "../place.ts";

const text = "one two.\n";
const SAMPLE = 100;

async function fill(place: Place, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, i) => `part-${i % 10}/text-${i}`);
  await place.putCopies(names, text);
}

/** Processor time that something takes, in ms. */
async function cpuOf_ms(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Claim and complete some jobs. */
async function work(storage: Storage): Promise<void> {
  for (let i = 0; i < SAMPLE; i++) await finish(storage, await claim(storage));
}

export const manyCases: readonly Case[] = [
  {
    name: "with 5,000 texts waiting a job costs about as much as with a few",
    run: async (place) => {
      await fill(place, SAMPLE);
      const few_ms = await cpuOf_ms(() => work(place.open()));
      await fill(place, 5_000);
      const storage = place.open();
      const listing_ms = await cpuOf_ms(async () => expect((await storage.listJobs()).length).toBe(5_000));
      const many_ms = await cpuOf_ms(() => work(storage));
      // Some listings of all texts may come on top, but not one for each job.
      expect(many_ms).toBeLessThan(1.3 * few_ms + 4 * listing_ms);
      expect((await storage.listJobs()).length).toBe(5_000 - SAMPLE);
    },
  },
  {
    name: "many archives are listed by name",
    run: async (place) => {
      const names = Array.from({ length: 150 }, (_, i) => `text-${i}`).sort();
      await place.putCopies(names, text);
      const storage = place.open();
      for (const _ of names) await finish(storage, await claim(storage));
      await publish(place, "one-more", text);
      expect((await place.open().listArchives()).map(({ name }) => name)).toEqual(["one-more", ...names]);
    },
  },
];
