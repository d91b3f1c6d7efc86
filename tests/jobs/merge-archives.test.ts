// What a merge of archives comes to, before any of it is done.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { FoldOptions } from "../../src/archive/manifest.ts";
import { Archive } from "../../src/archive/reader.ts";
import { copyChunks, MergePlanner, planMerge } from "../../src/jobs/merge-archives.ts";
import { usualOptions, writeTinyArchive } from "../storage/place.ts";
import { foldErrorOf, foldText } from "../support/folds.ts";
import { sampleText } from "../support/sample.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const opened: Archive[] = [];
afterAll(() => {
  for (const archive of opened) archive.close();
});

/** An archive of a text; its lineage is its name, unless given. */
async function archiveOf(name: string, text: string, options: Partial<FoldOptions> = {}, lineage = `"${name}"`) {
  const path = join(folder, `${crypto.randomUUID()}.tar.zst`);
  const { shard } = options;
  const told = shard ? `(${lineage} ${shard.number}/${shard.of})` : lineage;
  writeTinyArchive(path, name, told, text, { ...usualOptions, ...options });
  const archive = await Archive.open(path);
  opened.push(archive);
  return archive;
}

const [one, two] = ["one two. two three.", "three four."];

test("the union, its lineage, its sources; it has to be folded", async () => {
  const plan = await planMerge([await archiveOf("a", one), await archiveOf("b", two)]);
  expect(plan).toMatchObject({ defaultName: "a+b", lineage: '("a" "b")', copyFrom: null, options: usualOptions });
  expect(plan.sources.map(({ name }) => name)).toEqual(["a", "b"]);
  expect(plan.corpus.starts).toHaveLength(4);
});

test("where one part is the union, its chunks are all there are", async () => {
  const all = await archiveOf("all", `${one} ${two}`);
  const plan = await planMerge([await archiveOf("b", two), all]);
  expect(plan.copyFrom).toEqual([all]);
});

describe("archives of other options", () => {
  const others: [Partial<FoldOptions>, string][] = [
    [{ max_dims: 3 }, "--max-dims 3 --min-volume 1"],
    [{ max_dims: null }, "--max-dims all --min-volume 1"],
    [{ min_volume: 4 }, "--max-dims 2 --min-volume 4"],
  ];
  test.each(others)("%j", async (options, told) => {
    const archives = [await archiveOf("a", one), await archiveOf("b", two, options)];
    const { code, message } = await foldErrorOf(() => planMerge(archives));
    expect(code).toBe("usage");
    expect(message).toContain(`was folded with --max-dims 2 --min-volume 1, `);
    expect(message).toEndWith(` with ${told}`);
  });
});

test("a name made of too many names gives way to a hash of the sentences", async () => {
  const name = (length: number) => "n".repeat(length);
  const namesOf = async (first: number, second: number) =>
    (await planMerge([await archiveOf(name(first), one), await archiveOf(name(second), two)])).defaultName;
  expect(await namesOf(29, 30)).toHaveLength(60);
  expect(await namesOf(30, 30)).toMatch(/^merged-[0-9a-f]{12}$/);
});

test("archives whose lineage is merges of merges to any depth", async () => {
  const deep = `${"(".repeat(20_000)}"a"${' "b")'.repeat(20_000)}`;
  const planner = new MergePlanner<string>();
  await planner.add(await archiveOf("deep", one, {}, deep), "deep");
  await planner.add(await archiveOf("c", two), "c");
  expect(planner.plan().lineage).toBe(`(${deep} "c")`);
  expect(await planner.hasAll(await archiveOf("again", one, {}, deep))).toBe(true);
});

test("nothing to merge", async () => {
  expect((await foldErrorOf(() => planMerge([]))).code).toBe("usage");
});

test("all shards of a text are that text; of missing ones the numbers are told", async () => {
  const shards = await Promise.all(
    [1, 2, 3].map((number) => archiveOf("book", one, { shard: { number, of: 3 } }, '"book"')),
  );
  const plan = await planMerge([shards[2], shards[0], shards[1]]);
  expect(plan).toMatchObject({ defaultName: "book", lineage: '"book"', options: usualOptions });
  expect(plan.copyFrom).toHaveLength(3);
  // The same shard twice is there once.
  expect((await foldErrorOf(() => planMerge([shards[1], shards[1]]))).message).toBe(
    "of the 3 shards of book these are missing: 1/3, 3/3",
  );
});

test("an archive adds nothing to a union whose texts hold all its sentences, and only then", async () => {
  const planner = new MergePlanner<string>();
  await planner.add(await archiveOf("union", `${one} ${two}`, {}, '("a" "b")'), "union");
  await planner.add(await archiveOf("alone", "five six."), "alone");
  expect(await planner.hasAll(await archiveOf("a", one))).toBe(true);
  expect(await planner.hasAll(await archiveOf("a and b", two, {}, '("b" "a")'))).toBe(true);
  // Another text, though its sentences are known; one that is in no union; a text that has grown.
  expect(await planner.hasAll(await archiveOf("c", one))).toBe(false);
  expect(await planner.hasAll(await archiveOf("alone", "five six."))).toBe(false);
  expect(await planner.hasAll(await archiveOf("b", "six seven."))).toBe(false);
});

test("a stop is heard while chunks are put side by side, and leaves nothing behind", async () => {
  const parts = join(folder, "parts");
  mkdirSync(parts);
  for (const number of [1, 2]) {
    const archive = join(parts, `${number}.tar.zst`);
    await foldText(sampleText, { archive, options: { ...usualOptions, shard: { number, of: 2 } } });
    opened.push(await Archive.open(archive));
  }
  const shards = opened.slice(-2);
  const plan = await planMerge(shards);
  const stop = new AbortController();
  // Where a signal of the system comes from, too: another turn.
  setImmediate(() => stop.abort());
  const joined = copyChunks(plan, shards, "joined", join(parts, "joined.tar.zst"), { signal: stop.signal });
  expect((await foldErrorOf(() => joined)).code).toBe("interrupted");
  expect(readdirSync(parts).sort()).toEqual(["1.tar.zst", "2.tar.zst"]);
});
