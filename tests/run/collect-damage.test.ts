// fold collect, where archives are damaged in the bucket or their metadata is lost or lies: nothing wrong is merged, nothing
// is removed that is not there twice, and whatever is not damaged is merged all the same.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { Alone } from "../support/alone.ts";
import { report } from "../support/binary.ts";
import { Collections, texts } from "../support/collections.ts";
import { changeBytes, postObject, putRaw } from "../support/raw-object.ts";

const alone = await Alone.make();
const collections = new Collections(alone);
const out = join(alone.folder, "all.tar.zst");

test("duplicates go only when the one that stays is read back from the bucket, whatever the cache holds", async () => {
  await alone.clear();
  await collections.upload("a", "a", "a");
  await collections.collect("--out", out);
  const [first, second] = await alone.archives("a_");
  // As a disk does it: what is said of the object stays the same.
  const { bytes } = await alone.results.get(first!.key, 1 << 20);
  bytes[bytes.length >> 1]! ^= 1;
  await changeBytes(alone.results, first!.key, bytes);
  const { exit, fates, end } = await collections.collect("--remove-duplicates");
  expect([exit, fates, end.removed]).toEqual([3, ["a damaged", "a kept", "a duplicate"], 1]);
  expect((await alone.archives("a_")).map(({ key }) => key)).toEqual([first!.key, second!.key]);
});

test("the same for archives that are large enough for the cache", async () => {
  await alone.clear();
  for (const _ of [1, 2]) await collections.putLarge("a");
  // The cache holds what both were.
  await collections.collect("--out", out);
  const [first, second] = await alone.archives("a_");
  const { bytes } = await alone.results.get(first!.key, 1 << 24);
  bytes[bytes.length >> 1]! ^= 1;
  await changeBytes(alone.results, first!.key, bytes);
  const { exit, fates, end } = await collections.collect("--remove-duplicates");
  expect([exit, fates, end.removed]).toEqual([3, ["a damaged", "a kept"], 0]);
  // Now both are the same bytes again, and no archive.
  await changeBytes(alone.results, second!.key, bytes);
  const alike = await collections.collect("--remove-duplicates");
  expect([alike.exit, alike.end.removed]).toEqual([3, 0]);
  expect((await alone.archives("a_")).length).toBe(2);
});

test("an archive whose metadata says that it is another is told, and never removed for it", async () => {
  await alone.clear();
  await collections.upload("a", "b");
  const [[a], [b]] = [await alone.archives("a_"), await alone.archives("b_")];
  const { metadata } = (await alone.results.head(a!.key))!;
  const { bytes } = await alone.results.get(b!.key, 1 << 20);
  const liar = "c_20200101T000000000Z_00000000.tar.zst";
  await putRaw(alone.results, liar, bytes, metadata);
  const told = await collections.collect("--out", out, "--remove-duplicates");
  expect([told.exit, told.fates.sort()]).toEqual([3, ["a kept", "b kept", "c damaged"]]);
  expect(told.end).toMatchObject({ removed: 0, merged: { lineage: '("a" "b")' } });
  expect(await alone.results.head(liar)).not.toBeNull();
  // One that is the same and was compressed by another program is the same.
  const packed = new Blob([(await alone.results.get(a!.key, 1 << 20)).bytes as Uint8Array<ArrayBuffer>]);
  const tar = await new Response(packed.stream().pipeThrough(new DecompressionStream("zstd"))).bytes();
  const { "fold-sha256": _, ...rest } = metadata as Record<string, string>;
  await putRaw(alone.results, liar, Bun.zstdCompressSync(tar, { level: 19 }), rest);
  expect((await collections.collect("--remove-duplicates")).end).toMatchObject({ kept: 2, duplicates: 1, removed: 1 });
  expect(await alone.results.head(liar)).toBeNull();
});

test("metadata that lies about anything else, or is lost, merges nothing wrong", async () => {
  await alone.clear();
  await collections.upload("a", "b", "c");
  const [[a], [b]] = [await alone.archives("a_"), await alone.archives("b_")];
  const { metadata } = (await alone.results.head(a!.key))!;
  const { bytes } = await alone.results.get(a!.key, 1 << 20);
  await putRaw(alone.results, a!.key, bytes, { ...metadata, "fold-sentences-sha256": "0".repeat(64) });
  await putRaw(alone.results, b!.key, (await alone.results.get(b!.key, 1 << 20)).bytes, {});
  const { exit, archives, end } = await collections.collect("--out", out);
  expect([exit, end.merged.lineage]).toEqual([3, '("b" "c")']);
  expect(archives.map(({ fate, reason }) => [fate, reason])).toEqual([
    ["damaged", "it is another than it says"],
    ["kept", ""],
    ["kept", ""],
  ]);
  // Where nobody vouches for the bytes they are read to the end.
  const whole = (await alone.results.get(b!.key, 1 << 20)).bytes;
  whole[whole.length >> 1]! ^= 1;
  await putRaw(alone.results, b!.key, whole, {});
  expect((await collections.collect("--dry-run")).end).toMatchObject({ kept: 2, damaged: 1 });
});

test("a key that cannot be asked for is told, and not taken for another one", async () => {
  await alone.clear();
  await collections.upload("a");
  const key = (await alone.archives("a_"))[0]!.key;
  const { bytes } = await alone.results.get(key, 1 << 20);
  await postObject(alone.results, `x/../${key}`, bytes);
  const { exit, archives, end } = await collections.collect("--out", out, "--remove-duplicates");
  expect([exit, end]).toMatchObject([3, { kept: 1, damaged: 1, duplicates: 0, removed: 0 }]);
  expect(archives.map(({ key: named, reason }) => [named, reason])).toEqual([
    [`x/../${key}`, "a key with . or .. between slashes cannot be asked for"],
    [key, ""],
  ]);
});

test("a shard that is damaged is left out with its fellows, and all else is merged", async () => {
  await alone.clear();
  await alone.put("a.txt", texts.a);
  for (const shard of ["1/3", "2/3", "3/3"]) await alone.fold("worker", "a.txt", "--shard", shard);
  await collections.upload("b", "c");
  const [, second] = await alone.archives("a.");
  await changeBytes(alone.results, second!.key, Buffer.from("damaged"));
  const { exit, fates, end } = await collections.collectOn("second", "--out", out);
  expect([exit, fates, end?.merged.lineage]).toEqual([
    3,
    ["a.shard-1-of-3 incomplete", "a.shard-2-of-3 damaged", "a.shard-3-of-3 incomplete", "b kept", "c kept"],
    '("b" "c")',
  ]);
});

test("where the whole text is damaged, its shards stand in", async () => {
  await alone.clear();
  await collections.upload("a", "b");
  for (const shard of ["1/2", "2/2"]) await alone.fold("worker", "a.txt", "--shard", shard);
  const [whole] = await alone.archives("a_");
  await changeBytes(alone.results, whole!.key, Buffer.from("damaged"));
  const { exit, end } = await collections.collectOn("third", "--out", out);
  expect([exit, end]).toMatchObject([3, { kept: 3, damaged: 1, incomplete: 0, merged: { lineage: '("a" "b")' } }]);
  expect((await report(["show", out])).content_sha256).toBe(
    (await collections.union(["a", "b"])).content_sha256 as string,
  );
});
