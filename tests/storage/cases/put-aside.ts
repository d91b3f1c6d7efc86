import { expect } from "bun:test";
import { MAX_ATTEMPTS } from "../../../src/storage/port.ts";
import { type Case, claim, codeOf, failure, finish, GRACE_MS, idOf, textsIn, wanted } from "../place.ts";

const text = "one two three.\n";

export const putAsideCases: readonly Case[] = [
  {
    name: "a job fails three times; then it is put aside with the last reason",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      for (let i = 1; i < MAX_ATTEMPTS; i++) {
        expect(await storage.failJob(await claim(storage), { ...failure, message: `try ${i}` })).toBe(false);
        const [job] = await storage.listJobs();
        expect([job.state, job.failures]).toEqual(["waiting", i]);
      }
      expect(await storage.failJob(await claim(storage), failure)).toBe(true);
      const { code, message, hint } = failure;
      expect(await place.open().listJobs()).toEqual([
        {
          id: (await storage.listJobs())[0].id,
          kind: "text",
          name: "book",
          state: "failed",
          size_bytes: text.length,
          failures: MAX_ATTEMPTS,
          worker: null,
          heartbeat_age_ms: null,
          progress: null,
          failure: { code, message, hint },
        },
      ]);
      expect(await place.open().claimNextJob(wanted())).toBeNull();
      expect(await place.leftovers()).toEqual([]);
    },
  },
  {
    name: "failing for good, failing and being lost count alike; the rest goes on",
    needs: "coordination",
    run: async (place) => {
      for (const name of ["bad", "good", "ugly"]) await place.putText(name, text);
      const storage = place.open();
      expect(await storage.failJob(await claim(storage), { ...failure, isFinal: true })).toBe(true);
      const ugly = { id: await idOf(storage, "ugly") };
      await claim(storage, ugly);
      await place.pass(GRACE_MS + 1_000);
      expect(await storage.reclaimStale()).toBe(1);
      expect(await storage.failJob(await claim(storage, ugly), failure)).toBe(false);
      expect(await storage.failJob(await claim(storage, ugly), failure)).toBe(true);
      await finish(storage, await claim(storage));
      const states = (await storage.listJobs()).map(({ name, state, failures }) => [name, state, failures]);
      expect(states.sort()).toEqual([
        ["bad", "failed", 1],
        ["ugly", "failed", 3],
      ]);
      expect(await textsIn(storage)).toEqual(["bad", "good", "ugly"]);
    },
  },
  {
    name: "a retried job waits again as if it were new",
    run: async (place) => {
      await place.putText("sub/book", text);
      const storage = place.open();
      const id = await idOf(storage, "sub/book");
      expect(await codeOf(() => storage.retryJob(id))).toBe("not_found");
      await storage.failJob(await claim(storage), { ...failure, isFinal: true });
      await storage.retryJob(id);
      expect(await codeOf(() => storage.retryJob(id))).toBe("not_found");
      const [job] = await place.open().listJobs();
      expect([job.id, job.state, job.failures, job.failure]).toEqual([id, "waiting", 0, null]);
      const attempt = await claim(storage);
      expect(new TextDecoder().decode(await storage.readText(attempt))).toBe(text);
      await finish(storage, attempt);
      expect(await textsIn(storage)).toEqual(["sub/book"]);
      expect(await place.leftovers()).toEqual([]);
    },
  },
  {
    name: "a waiting job, one that was given back and a running one can be cancelled, and retried",
    run: async (place) => {
      const storage = place.open();
      for (const name of ["waiting", "given-back", "running"]) await place.putText(name, text);
      const ids = await Promise.all(["waiting", "given-back", "running"].map((name) => idOf(storage, name)));
      await storage.abandonJob(await claim(storage, { id: ids[1] }), true);
      const running = await claim(storage, { id: ids[2] });
      for (const id of ids) await place.open().cancelJob(id);
      expect(await codeOf(() => storage.heartbeat(running, { share: 0, orthos: 0 }))).toBe("lease_lost");
      expect(await storage.claimNextJob(wanted())).toBeNull();
      const jobs = await storage.listJobs();
      expect(jobs.map(({ state, failures, failure: why }) => [state, failures, why?.code])).toEqual(
        ids.map(() => ["failed", 0, "cancelled"]),
      );
      for (const id of ids) expect(await codeOf(() => storage.cancelJob(id))).toBe("not_found");
      for (const id of ids) await storage.retryJob(id);
      for (const _ of ids) await finish(storage, await claim(storage));
      expect(await textsIn(storage)).toEqual(["given-back", "running", "waiting"]);
      expect(await place.leftovers()).toEqual([]);
    },
  },
  {
    name: "texts of one name that are put aside one after the other are all kept",
    needs: "own texts",
    run: async (place) => {
      const storage = place.open();
      const texts = ["first words.\n", "second words.\n", "third words.\n"];
      for (const one of texts) {
        await place.putText("book", one);
        await storage.failJob(await claim(storage), { ...failure, isFinal: true });
      }
      expect(await textsIn(storage)).toEqual(["book", "book", "book"]);
      const found: string[] = [];
      for (const _ of texts) {
        await storage.retryJob((await storage.listJobs())[0].id);
        const attempt = await claim(storage);
        found.push(new TextDecoder().decode(await storage.readText(attempt)));
        await finish(storage, attempt);
      }
      expect(found.sort()).toEqual([...texts].sort());
      expect((await storage.listArchives()).length).toBe(3);
    },
  },
  {
    name: "a retry does not bury a new text of the same name",
    needs: "own texts",
    run: async (place) => {
      const storage = place.open();
      await place.putText("book", "old words.\n");
      const id = await idOf(storage, "book");
      await storage.failJob(await claim(storage), { ...failure, isFinal: true });
      await place.putText("book", "new words.\n");
      // A backend in which names are places refuses; in another one both wait.
      const refusal = await codeOf(() => storage.retryJob(id)).catch(() => null);
      expect([null, "usage"]).toContain(refusal);
      expect(await textsIn(storage)).toEqual(["book", "book"]);
      const other = (await storage.listJobs()).find((job) => job.id !== id);
      const newer = await claim(storage, refusal === null ? { id: other?.id ?? "" } : {});
      expect(new TextDecoder().decode(await storage.readText(newer))).toBe("new words.\n");
    },
  },
];
