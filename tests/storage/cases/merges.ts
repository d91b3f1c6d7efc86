import { expect } from "bun:test";
import { parseLineage } from "../../../src/archive/lineage.ts";
import type { FoldOptions } from "../../../src/archive/manifest.ts";
import { Archive } from "../../../src/archive/reader.ts";
import type { FoldError } from "../../../src/errors.ts";
import { type Case, claim, finish, leavesOf, publish, usualOptions, wanted } from "../place.ts";

/** A text that takes the more room in an archive, the larger the number. */
export function textOfSize(number: number): string {
  return `${Array.from({ length: 20 * number }, (_, i) => Bun.hash(`${number} ${i}`).toString(36)).join(" ")}.\n`;
}

const merges = { merges: true } as const;

export const mergeCases: readonly Case[] = [
  {
    name: "texts come first, then the two smallest archives",
    needs: "coordination",
    run: async (place) => {
      for (const [name, size] of [
        ["large", 9],
        ["small", 1],
        ["middle", 4],
      ] as const) {
        await publish(place, name, textOfSize(size));
      }
      await place.putText("text", textOfSize(6));
      const storage = place.open();
      expect((await claim(storage, merges)).kind).toBe("text");
      expect(await storage.claimNextJob(wanted())).toBeNull();
      const merge = await claim(storage, merges);
      expect([merge.kind, merge.number, [...merge.archives]]).toEqual(["merge", 1, ["small", "middle"]]);
      const archives = await Promise.all((await storage.readArchives(merge)).map((path) => Archive.open(path)));
      expect(archives.map(({ manifest }) => manifest.name)).toEqual(["small", "middle"]);
      expect(archives.reduce((sum, { manifest }) => sum + manifest.interner.size, 0)).toBe(merge.size_bytes);
      for (const archive of archives) archive.close();
      expect((await storage.listJobs()).filter(({ kind }) => kind === "merge")).toMatchObject([
        { id: merge.id, state: "running", worker: "worker-1" },
      ]);
    },
  },
  {
    name: "a union stands in the place of its parts",
    needs: "coordination",
    run: async (place) => {
      for (const name of ["a", "b"]) await publish(place, name, textOfSize(1));
      const storage = place.open();
      const union = await finish(storage, await claim(storage, merges));
      expect(union.lineage).toMatch(/^\("[ab]" "[ab]"\)$/);
      expect(await place.open().listArchives()).toEqual([union]);
      expect(await storage.listJobs()).toEqual([]);
      expect(await storage.claimNextJob(wanted(merges))).toBeNull();
      expect(await place.leftovers()).toEqual([]);
    },
  },
  {
    name: "no archive is in two merges",
    needs: "coordination",
    run: async (place) => {
      for (let i = 1; i <= 5; i++) await publish(place, `text-${i}`, textOfSize(i));
      const attempts = await Promise.all(Array.from({ length: 8 }, () => place.open().claimNextJob(wanted(merges))));
      const claimed = attempts.flatMap((attempt) => attempt?.archives ?? []);
      expect([claimed.length, new Set(claimed).size]).toEqual([4, 4]);
      expect(await place.open().claimNextJob(wanted(merges))).toBeNull();
    },
  },
  {
    name: "many workers merge to one archive in which every text is once",
    needs: "coordination",
    run: async (place) => {
      for (let i = 1; i <= 16; i++) await publish(place, `text-${i}`, textOfSize(1 + (i % 5)));
      const worker = async () => {
        const storage = place.open();
        for (;;) {
          const attempt = await storage.claimNextJob(wanted(merges));
          if (attempt === null) return;
          await Promise.resolve();
          await finish(storage, attempt);
        }
      };
      await Promise.all(Array.from({ length: 6 }, worker));
      await worker();
      const [union, ...others] = await place.open().listArchives();
      expect(others).toEqual([]);
      expect(leavesOf(parseLineage(union.lineage)).sort()).toEqual(
        Array.from({ length: 16 }, (_, i) => `text-${i + 1}`).sort(),
      );
      expect(await place.leftovers()).toEqual([]);
    },
  },
  {
    name: "only archives of the worker's own options are merged, and shards are not",
    needs: "coordination",
    run: async (place) => {
      const shard = { number: 1, of: 2 };
      const options: Readonly<Record<string, FoldOptions>> = {
        usual: usualOptions,
        deep: { ...usualOptions, max_dims: 3 },
        all: { ...usualOptions, max_dims: null },
        thick: { ...usualOptions, min_volume: 4 },
        shard: { ...usualOptions, shard },
        "other-shard": { ...usualOptions, shard: { ...shard, number: 2 } },
      };
      for (const [name, one] of Object.entries(options)) await publish(place, name, textOfSize(1), one);
      const storage = place.open();
      for (const one of Object.values(options)) {
        expect(await storage.claimNextJob(wanted({ merges: true, options: one }))).toBeNull();
      }
      const deep = await publish(place, "deep-2", textOfSize(2), options.deep);
      expect(await storage.claimNextJob(wanted(merges))).toBeNull();
      const merge = await claim(storage, { merges: true, options: options.deep });
      expect(merge.archives[1]).toBe(deep.name);
    },
  },
  {
    name: "a merge that is too large for a worker is left to others",
    needs: "coordination",
    run: async (place) => {
      const entries = [await publish(place, "a", textOfSize(1)), await publish(place, "b", textOfSize(2))];
      const size_bytes = entries[0].sentences_bytes + entries[1].sentences_bytes;
      const most_bytes = { text: 0, merge: size_bytes };
      const less = { text: 10 ** 9, merge: size_bytes - 1 };
      const storage = place.open();
      expect(await storage.claimNextJob(wanted({ merges: true, most_bytes: less }))).toBeNull();
      const merge = await claim(storage, { merges: true, most_bytes });
      expect(merge.size_bytes).toBe(size_bytes);
      await storage.abandonJob(merge, true);
      expect(await storage.claimNextJob(wanted({ merges: true, most_bytes: less }))).toBeNull();
      expect((await claim(storage, { merges: true, most_bytes })).id).toBe(merge.id);
    },
  },
  {
    name: "an archive that is damaged stops nobody",
    needs: "coordination",
    run: async (place) => {
      for (let i = 1; i <= 3; i++) await publish(place, `text-${i}`, textOfSize(i));
      await place.damage("text-1");
      await place.putText("text-4", textOfSize(4));
      const storage = place.open();
      for (let tries = 0; tries < 10; tries++) {
        const attempt = await storage.claimNextJob(wanted(merges));
        if (attempt === null) break;
        try {
          await finish(storage, attempt);
        } catch (error) {
          // A backend that does not look at archives before they are needed finds out here.
          expect(error).toMatchObject({ code: "corrupt" });
          const { code, message, hint } = error as FoldError;
          await storage.failJob(attempt, { code, message, hint, isFinal: true });
        }
      }
      const archives = await storage.listArchives();
      expect(archives.map(({ lineage }) => leavesOf(parseLineage(lineage)).sort())).toEqual([
        ["text-2", "text-3", "text-4"],
      ]);
    },
  },
];
