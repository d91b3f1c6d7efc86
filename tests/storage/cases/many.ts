import { expect } from "bun:test";
import type { Storage } from "../../../src/storage/port.ts";
import { type Case, claim, finish, type Place, publish } from "../place.ts";

const text = "one two.\n";
const SAMPLE = 60;

async function fill(place: Place, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await place.putText(`part-${i % 10}/text-${i}`, text);
}

/** Processor time of claiming and completing some jobs, in ms. */
async function work(storage: Storage): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < SAMPLE; i++) await finish(storage, await claim(storage));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

export const manyCases: readonly Case[] = [
  {
    name: "with 5,000 texts waiting a job costs about as much as with a few",
    run: async (place) => {
      await fill(place, SAMPLE);
      const few_ms = await work(place.open());
      await fill(place, 5_000);
      const storage = place.open();
      expect((await storage.listJobs()).length).toBe(5_000);
      const many_ms = await work(storage);
      // One listing of all texts may come on top, but not one for each job.
      expect(many_ms).toBeLessThan(3 * few_ms + 1_000);
      expect((await storage.listJobs()).length).toBe(5_000 - SAMPLE);
    },
  },
  {
    name: "many archives are listed by name",
    run: async (place) => {
      const names = Array.from({ length: 150 }, (_, i) => `text-${i}`).sort();
      for (const name of names) await place.putText(name, text);
      const storage = place.open();
      for (const _ of names) await finish(storage, await claim(storage));
      await publish(place, "one-more", text);
      expect((await place.open().listArchives()).map(({ name }) => name)).toEqual(["one-more", ...names]);
    },
  },
];
