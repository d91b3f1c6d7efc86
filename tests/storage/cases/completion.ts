import { expect } from "bun:test";
import { join } from "node:path";
import { Archive } from "../../../src/archive/reader.ts";
import {
  type Case,
  claim,
  codeOf,
  failure,
  finish,
  GRACE_MS,
  handOver,
  textsIn,
  wanted,
  writeTinyArchive,
} from "../place.ts";

const text = "one two three. four five six.\n";

export const completionCases: readonly Case[] = [
  {
    name: "a completed job has left an archive and nothing else",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const entry = await finish(storage, await claim(storage));
      const { tar_sha256, size_bytes, sentences_bytes, ...rest } = entry;
      expect(rest).toEqual({
        name: "book",
        orthos: 0,
        lineage: '"book"',
        options: { max_dims: 2, min_volume: 1, shard: null },
      });
      const other = place.open();
      expect(await other.listArchives()).toEqual([entry]);
      expect(await other.listJobs()).toEqual([]);
      const archive = await Archive.open(await other.openArchive("book", place.scratch));
      try {
        expect([archive.sizeBytes, await archive.tarSha256()]).toEqual([size_bytes, tar_sha256]);
        for await (const [, bytes] of archive.members([archive.manifest.interner])) {
          expect(Buffer.from(await other.readInterner("book")).equals(bytes)).toBe(true);
          expect(sentences_bytes).toBe(bytes.length);
        }
      } finally {
        archive.close();
      }
      expect(await place.leftovers()).toEqual([]);
    },
  },
  {
    name: "a completion cannot be undone, nor done twice",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const attempt = await claim(storage);
      const entry = await finish(storage, attempt);
      const late = [
        () => storage.completeJob(attempt),
        () => storage.abandonJob(attempt, true),
        () => storage.failJob(attempt, { ...failure, isFinal: true }),
      ];
      for (const act of late) expect(await codeOf(act)).toBe("lease_lost");
      await place.pass(GRACE_MS + 1_000);
      expect(await place.open().reclaimStale()).toBe(0);
      expect(await codeOf(() => storage.cancelJob(attempt.id))).toBe("not_found");
      expect(await place.open().listArchives()).toEqual([entry]);
      expect(await place.open().claimNextJob(wanted())).toBeNull();
    },
  },
  {
    name: "a job without an archive is not completed",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const attempt = await claim(storage);
      expect(await codeOf(() => storage.completeJob(attempt))).toBe("failed");
      expect(await storage.listArchives()).toEqual([]);
      await finish(storage, attempt);
      expect(await textsIn(storage)).toEqual(["book"]);
    },
  },
  {
    name: "an attempt completes with its own archive, not with that of the one before",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const first = await claim(storage);
      await handOver(storage, first);
      await storage.abandonJob(first, true);
      const second = await claim(storage);
      expect(await codeOf(() => storage.completeJob(second))).toBe("failed");
      await handOver(storage, second);
      // The second archive replaces the first.
      await handOver(storage, second);
      await storage.completeJob(second);
      expect(await textsIn(storage)).toEqual(["book"]);
    },
  },
  {
    name: "what is no whole archive is not taken",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const attempt = await claim(storage);
      const archive = writeTinyArchive(join(attempt.folder, "half.tar.zst"), "book", '"book"', text);
      await Bun.write(archive.path, "half");
      expect(await codeOf(() => storage.writeArchive(attempt, archive))).toBe("corrupt");
      const path = join(attempt.folder, "none.tar.zst");
      expect(await codeOf(() => storage.writeArchive(attempt, { ...archive, path }))).toBe("corrupt");
      expect(await codeOf(() => storage.completeJob(attempt))).toBe("failed");
      await finish(storage, attempt);
    },
  },
  {
    name: "a stale attempt that nobody has freed completes",
    run: async (place) => {
      await place.putText("book", text);
      const storage = place.open();
      const attempt = await claim(storage);
      await place.pass(GRACE_MS * 2);
      await finish(storage, attempt);
      expect(await place.open().reclaimStale()).toBe(0);
      expect(await textsIn(storage)).toEqual(["book"]);
    },
  },
  {
    name: "the same text folded twice is one archive",
    run: async (place) => {
      const storage = place.open();
      for (let i = 0; i < 2; i++) {
        await place.putText("book", text);
        expect((await finish(storage, await claim(storage))).name).toBe("book");
      }
      expect(await textsIn(storage)).toEqual(["book"]);
    },
  },
];
