// Archives of many members are read on a thread of its own. All of their bytes are looked at, and what is opened is closed.
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ArchiveSource } from "../../src/archive/source.ts";
import { breathe } from "../../src/store/files.ts";
import { Store } from "../../src/store/store.ts";
import { foldErrorOf } from "../support/folds.ts";
import { objectFiles, writeLongArchive } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const archive = join(folder, "long.tar.zst");
const bytes = writeLongArchive(archive);

/** Open files of this process, as Linux lists them. */
const OPEN = "/proc/self/fd";

test.skipIf(!existsSync(OPEN))("adds leave no file open (needs /proc)", async () => {
  const store = new Store(join(folder, "state"));
  // The first one loads what stays: the source of the thread, for instance.
  const { reference } = await store.add(archive, "long");
  expect(reference.members.length).toBeGreaterThan(16);
  const before = readdirSync(OPEN).length;
  for (let i = 0; i < 20; i++) await store.add(archive, `long-${i}`);
  expect(readdirSync(OPEN).length).toBeLessThan(before + 10);
  await store.find("long-19").restore(join(folder, "back"), breathe);
  expect(readFileSync(join(folder, "back")).equals(bytes)).toBe(true);
});

test("every byte of what stands between the members is looked at, the end included", async () => {
  const { frames } = new ArchiveSource(archive);
  const ends = (frames ?? []).filter((_, number) => number % 2 === 0);
  for (const [number, { at, compressed }] of [...ends.slice(0, 2), ...ends.slice(-1)].entries()) {
    for (let place = at; place < at + compressed; place++) {
      const changed = Buffer.from(bytes);
      changed[place] ^= 1;
      const path = join(folder, `between-${number}-${place}.tar.zst`);
      writeFileSync(path, changed);
      const store = new Store(join(folder, `between-${number}-${place}`));
      const code = await store.add(path, "long").then(
        () => "done",
        (error) => error.code,
      );
      expect([place, code]).toEqual([place, "corrupt"]);
    }
  }
});

test("a member that is damaged: the thread says so, and nothing of the add is left", async () => {
  const store = new Store(join(folder, "damaged"));
  const changed = Buffer.from(bytes);
  changed[changed.length >> 1] ^= 1;
  const path = join(folder, "changed.tar.zst");
  writeFileSync(path, changed);
  const error = await foldErrorOf(() => store.add(path, "long"));
  expect([error.code, error.message]).toEqual(["corrupt", expect.stringContaining(path)]);
  expect([...objectFiles(store).keys()]).toEqual([]);
});
