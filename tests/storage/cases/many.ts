import { expect } from "bun:test";
import type { Storage } from "../../../src/storage/port.ts";
import { type Case, claim, finish, type Place, publish } from "../place.ts";

const text = "one two.\n";
const SAMPLE = 20;

async function fill(place: Place, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, i) => `part-${i % 10}/text-${i}`);
  await place.putCopies(names, text);
}

/** Claim and complete some jobs. */
async function work(storage: Storage): Promise<void> {
  for (let i = 0; i < SAMPLE; i++) await finish(storage, await claim(storage));
}

export const manyCases: readonly Case[] = [
  {
    name: "of very many texts that wait all are listed, and some are folded",
    run: async (place) => {
      await fill(place, place.many);
      const storage = place.open();
      expect((await storage.listJobs()).length).toBe(place.many);
      await work(storage);
      const left = await place.open().listJobs();
      expect([left.length, new Set(left.map(({ name }) => name)).size]).toEqual([
        place.many - SAMPLE,
        place.many - SAMPLE,
      ]);
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
