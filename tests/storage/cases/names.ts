import { expect } from "bun:test";
import { join } from "node:path";
import { Archive } from "../../../src/archive/reader.ts";
import {
  type Case,
  claim,
  codeOf,
  failure,
  finish,
  finishAll,
  publish,
  textsIn,
  wanted,
  writeTinyArchive,
} from "../place.ts";

const oddNames = [
  "a b",
  "  ",
  "-rf",
  "--help",
  `single ' and double " quotes`,
  "back\\slash",
  '"("a" "b")',
  "new\nline",
  "tab\tand\rreturn",
  "\u001b[31mred",
  "\u00E9t\u00E9",
  "e\u0301te\u0301", // the same to the eye
  "ﬁne",
  "文\u{10428}😀",
  "A",
  "a",
  "%2e%2e%2fx",
  "*?[a-z]",
  "$HOME`id`",
  "C:",
  "con",
  "trailing.",
  "book.txt",
  "book.tar.zst",
  "x.tar.zst/y",
  "x",
  "x.work/y",
  "x.json/y",
  "deep/er/and/deeper/text",
  "y/text",
  "z/text",
  "a".repeat(200),
  "b".repeat(248),
  "é".repeat(120),
  `${"文".repeat(80)}/${"d".repeat(248)}`,
  "../x",
  "..",
  "/absolute",
  ".hidden",
];

export const nameCases: readonly Case[] = [
  {
    name: "odd names go all the way, each for itself",
    run: async (place) => {
      const names = oddNames.filter((name) => place.canHold(name));
      expect(names.length).toBeGreaterThan(oddNames.length - 5);
      for (const name of names) await place.putText(name, `text of ${name.length} letters and more words.\n`);
      const storage = place.open();
      const jobs = await storage.listJobs();
      expect(jobs.map(({ name }) => name).sort()).toEqual([...names].sort());
      expect(new Set(jobs.map(({ id }) => id)).size).toBe(names.length);
      for (const { id } of jobs) expect(id).toMatch(/^[a-z0-9-]{1,60}$/);
      for (const name of names) {
        const id = jobs.find((job) => job.name === name)?.id ?? "";
        const attempt = await claim(storage, { id });
        expect(attempt.name).toBe(name);
        await storage.abandonJob(attempt, true);
      }
      for (const _ of names) await finish(storage, await claim(storage));
      expect(await textsIn(place.open())).toEqual([...names].sort());
      const archives = await place.open().listArchives();
      expect(new Set(archives.map((entry) => entry.name)).size).toBe(names.length);
      for (const { name, tar_sha256 } of archives) {
        const archive = await Archive.open(await storage.openArchive(name, place.scratch));
        expect(await archive.tarSha256()).toBe(tar_sha256);
        archive.close();
        expect((await storage.readInterner(name)).length).toBeGreaterThan(0);
      }
      expect(await place.leftovers()).toEqual([]);
    },
  },
  {
    name: "texts of odd names are lost and claimed again",
    needs: "coordination",
    run: async (place) => {
      const names = oddNames.filter((name) => place.canHold(name));
      const storage = place.open();
      for (const name of names) await place.putText(name, `text of ${name.length} letters and more words.\n`);
      for (const _ of names) await claim(storage);
      await place.pass(10 ** 9);
      expect(await storage.reclaimStale()).toBe(names.length);
      const attempts: string[] = [];
      for (const _ of names) attempts.push((await claim(storage)).name);
      expect(attempts.sort()).toEqual([...names].sort());
    },
  },
  {
    name: "texts of odd names are put aside, retried and cancelled",
    run: async (place) => {
      const names = oddNames.filter((name) => place.canHold(name));
      const storage = place.open();
      for (const name of names) await place.putText(name, `text of ${name.length} letters and more words.\n`);
      for (const _ of names) await storage.failJob(await claim(storage), { ...failure, isFinal: true });
      const jobs = await storage.listJobs();
      expect(jobs.map(({ name, state }) => [name, state])).toEqual(jobs.map(({ name }) => [name, "failed"]));
      expect(jobs.map(({ name }) => name).sort()).toEqual([...names].sort());
      for (const { id } of jobs) await storage.retryJob(id);
      for (const { id } of jobs) await storage.cancelJob(id);
      for (const { id } of jobs) await storage.retryJob(id);
      await finishAll(storage, false);
      expect(await textsIn(storage)).toEqual([...names].sort());
      expect(await place.leftovers()).toEqual([]);
    },
  },
  {
    name: "archives of one name in two folders can be opened side by side",
    run: async (place) => {
      const [a, b] = [await publish(place, "x/text", "one two.\n"), await publish(place, "y/text", "three four.\n")];
      const storage = place.open();
      const paths = [
        await storage.openArchive(a.name, place.scratch),
        await storage.openArchive(b.name, place.scratch),
      ];
      const opened = await Promise.all(paths.map((path) => Archive.open(path)));
      expect(opened.map(({ manifest }) => manifest.name)).toEqual(["x/text", "y/text"]);
      for (const archive of opened) archive.close();
    },
  },
  {
    name: "the name in an archive leads nowhere else",
    run: async (place) => {
      await place.putText("book", "one two three.\n");
      const storage = place.open();
      const attempt = await claim(storage);
      const file = join(attempt.folder, "evil.tar.zst");
      const archive = writeTinyArchive(file, "../../../scratch/evil", '"evil"', "one two three.\n");
      await storage.writeArchive(attempt, archive);
      const { name } = await storage.completeJob(attempt);
      expect((await place.open().listArchives()).map((entry) => entry.name)).toEqual([name]);
      expect(await Bun.file(join(place.scratch, "evil.tar.zst")).exists()).toBe(false);
      for (const outside of ["../input/x", "/etc/passwd", "", ".", ".."]) {
        expect(await codeOf(() => storage.openArchive(outside, place.scratch))).toBe("not_found");
      }
      expect(await storage.claimNextJob(wanted())).toBeNull();
    },
  },
];
