// Places that cannot be written to: a clear error, and nothing half-written stays.
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { foldErrorOf, foldText, readArchive } from "../support/folds.ts";
import { sampleText } from "../support/sample.ts";
import { mountSmallDisk, resizeDisk, unmount } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary.ts";

const mounted: string[] = [];
// Before the folder goes: the tests of a file are cleaned up after in the order in which they ask for it.
afterAll(() => {
  for (const place of mounted) unmount(place);
});
const folder = temporaryFolder();

/** Every file below a folder. */
function filesIn(place: string): string[] {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name);
}

test("a folder that is missing is not made: a job whose folder was taken away must not bring it back", async () => {
  const path = join(folder, "gone", "book.tar.zst");
  const error = await foldErrorOf(() => foldText(sampleText, { archive: path }));
  expect(error.code).toBe("not_found");
  expect(existsSync(join(folder, "gone"))).toBe(false);
});

test("a file where a folder should be", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  const error = await foldErrorOf(() => foldText(sampleText, { archive: join(file, "book.tar.zst") }));
  expect(error.code).toBe("not_found");
  expect(error.message).toContain(file);
});

test("a folder where the archive should be", async () => {
  const path = join(folder, "taken", "book.tar.zst");
  mkdirSync(join(path, "inside"), { recursive: true });
  await foldErrorOf(() => foldText(sampleText, { archive: path }));
  expect(filesIn(join(folder, "taken")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("a place that nobody may write to", async () => {
  const error = await foldErrorOf(() => foldText(sampleText, { archive: "/proc/fold-test/book.tar.zst" }));
  expect(["read_only", "not_found"]).toContain(error.code);
});

/** Mounts a small file system; null where that is not allowed. */
function mountSmall(size_kb: number): string | null {
  const place = join(folder, `small-${size_kb}`);
  if (!mountSmallDisk(place, size_kb)) return null;
  mounted.push(place);
  return place;
}

// The sizes are such that the disk is full at different moments: with the sentences, with the archive; in three
// dimensions, of which parts are kept until the archive is whole, between parts and with an archive beside them.
const disks = [
  [4, 2],
  [16, 2],
  [56, 2],
  [96, 3],
  [700, 3],
].map(([size_kb, max_dims]) => [`${size_kb}k`, max_dims, mountSmall(size_kb)] as const);
const mayMount = disks.every(([, , place]) => place !== null);
const title = "a disk of %s is too small for the archive of %d dimensions (skipped where no disk can be mounted)";
const optionsOf = (max_dims: number) => ({ max_dims, min_volume: 1, shard: null });

test.skipIf(!mayMount).each(disks)(title, async (_, max_dims, place) => {
  const path = join(place ?? "", "book.tar.zst");
  const options = optionsOf(max_dims);
  const error = await foldErrorOf(() => foldText(sampleText, { archive: path, options }));
  expect(error.code).toBe("no_space");
  expect(error.message).toContain(place ?? "");
  expect(filesIn(place ?? "").filter((name) => name.endsWith(".tmp") || name === "book.tar.zst")).toEqual([]);
  // Again, with what the first run has left.
  const again = await foldErrorOf(() => foldText(sampleText, { archive: path, options }));
  expect(again.code).toBe("no_space");
  expect(filesIn(place ?? "").filter((name) => name.endsWith(".tmp") || name === "book.tar.zst")).toEqual([]);
});

test.skipIf(!mayMount)(
  "a disk that was made larger: the fold goes on (skipped where no disk can be mounted)",
  async () => {
    const place = disks[4][2] ?? "";
    const path = join(place, "book.tar.zst");
    const options = optionsOf(3);
    await foldErrorOf(() => foldText(sampleText, { archive: path, options }));
    expect(resizeDisk(place, 8192)).toBe(true);
    const { orthos } = await foldText(sampleText, { archive: path, options });
    expect((await readArchive(path)).lines).toHaveLength(orthos);
    expect(filesIn(place)).toEqual(["book.tar.zst"]);
  },
);
