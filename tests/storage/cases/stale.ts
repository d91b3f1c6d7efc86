import { expect } from "bun:test";
import { type Case, claim, finish, GRACE_MS, textsIn, wanted } from "../place.ts";

const text = "one two three.\n";
const most = GRACE_MS - 10_000;

export const staleCases: readonly Case[] = [
  {
    name: "an attempt is lost a grace period after its claim, not before",
    needs: "coordination",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const attempt = await claim(storage);
      await place.pass(most);
      expect(await place.open().reclaimStale()).toBe(0);
      expect(await storage.claimNextJob(wanted())).toBeNull();
      await place.pass(20_000);
      expect(await place.open().reclaimStale()).toBe(1);
      expect(await storage.listJobs()).toEqual([
        { ...(await storage.listJobs())[0], state: "waiting", failures: 1, worker: null, heartbeat_age_ms: null },
      ]);
      const next = await claim(storage);
      expect([next.id, next.number]).toEqual([attempt.id, 2]);
      // The new attempt has a grace period of its own.
      expect(await place.open().reclaimStale()).toBe(0);
    },
  },
  {
    name: "a heartbeat keeps an attempt alive and tells how far it is",
    needs: "coordination",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const attempt = await claim(storage);
      for (let i = 1; i <= 3; i++) {
        await place.pass(most);
        await storage.heartbeat(attempt, { share: i / 4, orthos: i });
        expect(await place.open().reclaimStale()).toBe(0);
        expect((await place.open().listJobs())[0].progress).toEqual({ share: i / 4, orthos: i });
      }
      await place.pass(most);
      const age_ms = (await place.open().listJobs())[0].heartbeat_age_ms ?? Number.NaN;
      expect(age_ms).toBeGreaterThanOrEqual(most);
      expect(age_ms).toBeLessThan(GRACE_MS);
      await place.pass(20_000);
      expect(await place.open().reclaimStale()).toBe(1);
      expect((await storage.listJobs())[0].progress).toBeNull();
    },
  },
  {
    name: "of several who free the lost at once each job is freed by one",
    needs: "coordination",
    run: async (place) => {
      const storage = place.open();
      for (let i = 0; i < 20; i++) await place.putText(`text-${i}`, text);
      for (let i = 0; i < 20; i++) await claim(storage);
      await place.pass(GRACE_MS + 1_000);
      const freed = await Promise.all(Array.from({ length: 10 }, () => place.open().reclaimStale()));
      expect(freed.reduce((sum, count) => sum + count)).toBe(20);
      expect((await storage.listJobs()).map(({ state, failures }) => [state, failures])).toEqual(
        Array.from({ length: 20 }, () => ["waiting", 1]),
      );
    },
  },
  {
    name: "what a lost attempt has spilled is there for the next",
    needs: "coordination",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      await storage.spillChunk(await claim(storage), "part-0", new Uint8Array([1, 2, 3]));
      await place.pass(GRACE_MS + 1_000);
      await place.open().reclaimStale();
      const next = await claim(place.open());
      expect(await storage.readChunk(next, "part-0")).toEqual(new Uint8Array([1, 2, 3]));
      await finish(storage, next);
      expect(await place.leftovers()).toEqual([]);
    },
  },
  {
    name: "a job whose workers are lost three times is put aside, with its text",
    needs: "coordination",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      for (let i = 1; i <= 3; i++) {
        expect((await claim(storage)).number).toBe(i);
        await place.pass(GRACE_MS + 1_000);
        expect(await place.open().reclaimStale()).toBe(1);
        expect((await storage.listJobs())[0].failures).toBe(i);
      }
      const [job] = await storage.listJobs();
      expect([job.state, job.name, job.failure?.code]).toEqual(["failed", "book", "lost"]);
      expect(await storage.claimNextJob(wanted())).toBeNull();
      expect(await textsIn(storage)).toEqual(["book"]);
      expect(await place.leftovers()).toEqual([]);
    },
  },
];
