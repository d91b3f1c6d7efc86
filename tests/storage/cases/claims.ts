import { expect } from "bun:test";
import { type Case, claim, codeOf, finish, idOf, textsIn, usualOptions, wanted } from "../place.ts";
import { claimAllElsewhere } from "../processes.ts";

const text = "one two three. four five six.\n";

export const claimCases: readonly Case[] = [
  {
    name: "nothing is in an empty storage",
    run: async (place) => {
      const storage = place.open();
      expect(await storage.claimNextJob(wanted({ merges: true }))).toBeNull();
      expect(await storage.claimNextJob(wanted({ id: "book-0123456789ab" }))).toBeNull();
      expect([await storage.listJobs(), await storage.listArchives(), await storage.reclaimStale()]).toEqual([
        [],
        [],
        0,
      ]);
      expect(await codeOf(() => storage.retryJob("book-0123456789ab"))).toBe("not_found");
      expect(await codeOf(() => storage.cancelJob("book-0123456789ab"))).toBe("not_found");
      expect(await codeOf(() => storage.openArchive("book", place.scratch))).toBe("not_found");
      expect(await codeOf(() => storage.readInterner("book"))).toBe("not_found");
    },
  },
  {
    name: "a claim tells what is to be done, and the text can be read",
    run: async (place) => {
      await place.putText("novels/book", text);
      const storage = place.open();
      const waiting = await storage.listJobs();
      const attempt = await claim(storage, { worker: "worker-7" });
      const { id, folder: _, ...rest } = attempt;
      expect(rest).toEqual({
        kind: "text",
        name: "novels/book",
        number: 1,
        worker: "worker-7",
        options: usualOptions,
        size_bytes: text.length,
        archives: [],
      });
      expect(waiting).toEqual([{ ...waiting[0], id, state: "waiting", worker: null, failures: 0 }]);
      expect(new TextDecoder().decode(await storage.readText(attempt))).toBe(text);
      expect(await storage.readArchives(attempt)).toEqual([]);
      const running = await place.open().listJobs();
      expect(running).toEqual([{ ...running[0], id, state: "running", worker: "worker-7" }]);
      expect(await storage.claimNextJob(wanted())).toBeNull();
    },
  },
  {
    name: "a job that is at work goes to no other worker",
    needs: "coordination",
    run: async (place) => {
      await place.putText("book", text);
      await claim(place.open());
      expect(await place.open().claimNextJob(wanted())).toBeNull();
    },
  },
  {
    name: "of 100 claimers in one process each of 30 jobs has one",
    needs: "coordination",
    run: async (place) => {
      for (let i = 0; i < 30; i++) await place.putText(`text-${i}`, text);
      const claimers = Array.from({ length: 100 }, (_, i) => [place.open(), `worker-${i}`] as const);
      const attempts = await Promise.all(claimers.map(([storage, worker]) => storage.claimNextJob(wanted({ worker }))));
      const names = attempts.flatMap((attempt) => (attempt === null ? [] : [attempt.name]));
      expect(names.sort()).toEqual(Array.from({ length: 30 }, (_, i) => `text-${i}`).sort());
      expect(await textsIn(place.open())).toEqual(names);
    },
  },
  {
    name: "of claimers in several processes each of 120 jobs has one",
    needs: "coordination",
    run: async (place) => {
      for (let i = 0; i < 120; i++) await place.putText(`text-${i}`, text);
      const claimed = await claimAllElsewhere(place.address, 4);
      expect(claimed.flat().sort()).toEqual(Array.from({ length: 120 }, (_, i) => `text-${i}`).sort());
      expect(await place.open().claimNextJob(wanted())).toBeNull();
    },
  },
  {
    name: "a job can be claimed by its id, and by no other",
    run: async (place) => {
      for (const name of ["a", "b", "c"]) await place.putText(name, text);
      const storage = place.open();
      const id = await idOf(storage, "b");
      expect((await claim(storage, { id })).name).toBe("b");
      expect(await storage.claimNextJob(wanted({ id }))).toBeNull();
      expect(await storage.claimNextJob(wanted({ id: `${id}0` }))).toBeNull();
      expect([(await claim(storage)).name, (await claim(storage)).name].sort()).toEqual(["a", "c"]);
    },
  },
  {
    name: "a text that is too large for a worker is left to others",
    run: async (place) => {
      await place.putText("large", text.repeat(3));
      await place.putText("small", text);
      const storage = place.open();
      const most_bytes = { text: text.length, merge: 0 };
      const small = await claim(storage, { most_bytes });
      expect(small.name).toBe("small");
      expect(await storage.claimNextJob(wanted({ most_bytes }))).toBeNull();
      expect(await storage.claimNextJob(wanted({ most_bytes, id: await idOf(storage, "large") }))).toBeNull();
      await storage.abandonJob(small, true);
      expect(await storage.claimNextJob(wanted({ most_bytes: { text: text.length - 1, merge: 10 ** 9 } }))).toBeNull();
      expect((await claim(storage, { most_bytes })).name).toBe("small");
      expect((await claim(storage)).name).toBe("large");
    },
  },
  {
    name: "a job that is given back is claimed again, with its work or without, and has not failed",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const first = await claim(storage);
      await storage.spillChunk(first, "part-0", new Uint8Array([1, 2]));
      await storage.heartbeat(first, { share: 0.5, orthos: 7 });
      await storage.abandonJob(first, true);
      expect(await storage.listJobs()).toEqual([
        { ...(await storage.listJobs())[0], state: "waiting", worker: null, failures: 0, progress: null },
      ]);
      const second = await claim(place.open(), { worker: "worker-2" });
      expect([second.id, second.number, second.worker]).toEqual([first.id, 2, "worker-2"]);
      expect(await storage.listChunks(second)).toEqual(["part-0"]);
      await storage.abandonJob(second, false);
      const third = await claim(storage);
      expect([third.number, await storage.listChunks(third)]).toEqual([3, []]);
      expect(new TextDecoder().decode(await storage.readText(third))).toBe(text);
      expect((await storage.listJobs())[0].failures).toBe(0);
    },
  },
  {
    name: "chunks are kept as they are, listed, replaced, and plainly named",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const attempt = await claim(storage);
      expect([await storage.listChunks(attempt), await storage.readChunk(attempt, "b-1.last")]).toEqual([[], null]);
      for (const name of ["b-1.last", "a", "z".repeat(100)]) {
        await storage.spillChunk(attempt, name, new TextEncoder().encode(name));
      }
      await storage.spillChunk(attempt, "a", new Uint8Array());
      expect(await place.open().listChunks(attempt)).toEqual(["a", "b-1.last", "z".repeat(100)]);
      expect(await storage.readChunk(attempt, "b-1.last")).toEqual(new Uint8Array(Buffer.from("b-1.last")));
      expect((await storage.readChunk(attempt, "a"))?.length).toBe(0);
      for (const name of ["", "..", ".a", "a/b", "A", "a.tmp", "é", "z".repeat(101)]) {
        expect(await codeOf(() => storage.spillChunk(attempt, name, new Uint8Array()))).toBe("usage");
        expect(await codeOf(() => storage.readChunk(attempt, name))).toBe("usage");
      }
    },
  },
  {
    name: "a new text under the name of one that is at work buries nothing",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const first = await claim(storage);
      await place.putText("book", "quite another text.\n");
      // A backend may give it out at once, or let it wait until the name is free.
      const early = await place.open().claimNextJob(wanted());
      expect(new TextDecoder().decode(await storage.readText(first))).toBe(text);
      const entry = await finish(storage, first);
      const other = await finish(storage, early ?? (await claim(storage)));
      expect(entry.name).toBe("book");
      expect(other.name).not.toBe("book");
      const listed = await storage.listArchives();
      expect(listed.map(({ name, tar_sha256 }) => [name, tar_sha256])).toEqual([
        ["book", entry.tar_sha256],
        [other.name, other.tar_sha256],
      ]);
    },
  },
];
