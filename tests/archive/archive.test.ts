// A whole archive: what a fold wrote is what a reader gets, however the tar was compressed.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { encodeChunk } from "../../src/archive/chunk.ts";
import { MAX_MANIFEST_BYTES } from "../../src/archive/manifest.ts";
import { Archive } from "../../src/archive/reader.ts";
import { ArchiveWriter } from "../../src/archive/writer.ts";
import { corpusOfText } from "../../src/core/corpus.ts";
import { expectedOf } from "../support/expected.ts";
import { foldErrorOf, foldText, readArchive } from "../support/folds.ts";
import { digestOf, sampleFacts, sampleText } from "../support/sample.ts";
import { entriesOf, packings, tarOfArchive } from "../support/tars.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { sortedLines, walkText } from "../support/walks.ts";

const folder = temporaryFolder();
const samplePath = join(folder, "sample.tar.zst");
const { archive: sample } = await foldText(sampleText, { archive: samplePath });

test("the archive of the sample text holds its orthos", async () => {
  const { lines, optimalTxt, sentences } = await readArchive(samplePath);
  expect({ orthos: lines.length, digest: digestOf(sortedLines(lines)) }).toEqual({ ...sampleFacts });
  expect(sample?.manifest.orthos).toBe(sampleFacts.orthos);
  expect(sample?.manifest.distinct_sentences).toBe(sentences);
  const optimal = sample?.manifest.optimal;
  expect(optimalTxt).toBe(`${optimal?.dims.join("x")}\t${optimal?.words.join(" ")}\n`);
});

test.each(Object.entries(packings))("an archive packed by other hands is read: %s", async (_, pack) => {
  const path = join(folder, "repacked.tar.zst");
  await Bun.write(path, pack(entriesOf(tarOfArchive(await Bun.file(samplePath).bytes()))));
  expect(await readArchive(path)).toEqual(await readArchive(samplePath));
  const archive = await Archive.open(path);
  expect(await archive.tarSha256()).toBe(sample?.tarSha256 ?? "");
  archive.close();
});

test.each(["", "alone", "one two three. two"])("a text without orthos has an archive, too: %p", async (text) => {
  const path = join(folder, "small.tar.zst");
  const { orthos, optimal } = await foldText(text, { archive: path });
  const { lines, optimalTxt } = await readArchive(path);
  expect({ orthos, optimal, lines, optimalTxt }).toEqual({ orthos: 0, optimal: null, lines: [], optimalTxt: "" });
});

test("a filter skips chunks that cannot hold what is asked for, and no others", async () => {
  const path = join(folder, "cube.tar.zst");
  const text = "a b. c d. e f. g h. a c. b d. e g. f h. a e. b f. c g. d h";
  await foldText(text, { archive: path, options: { max_dims: null, min_volume: 1, shard: null } });
  const { lines } = await readArchive(path);
  expect(sortedLines(lines)).toEqual([...expectedOf(text, 3).lines]);
  const archive = await Archive.open(path);
  expect(await Array.fromAsync(archive.chunks({ shape: "2x2x2" }))).toHaveLength(1);
  expect(await Array.fromAsync(archive.chunks({ shape: "3x3" }))).toHaveLength(0);
  expect(await Array.fromAsync(archive.chunks({ minVolume: 2 }))).toHaveLength(0);
  archive.close();
});

// It would count as made, and nobody could open it: a manifest holds the words of the best ortho, however long they are.
test("no archive is made whose manifest is larger than readers take", async () => {
  const path = join(folder, "large.tar.zst");
  const options = { max_dims: 2, min_volume: 1, shard: null };
  const writerOf = (name: string) =>
    new ArchiveWriter(path, { name, lineage: '"b"', sources: [], options }, corpusOfText("a b").corpus);
  const writer = writerOf("x".repeat(MAX_MANIFEST_BYTES));
  const error = await foldErrorOf(() => writer.finish());
  writer.discard();
  expect([error.code, error.message]).toEqual(["failed", expect.stringContaining("manifest.json would be larger")]);
  expect(await Bun.file(path).exists()).toBe(false);
  writerOf("x".repeat(MAX_MANIFEST_BYTES - 2000)).finish();
  (await Archive.open(path)).close();
});

// A chunk whose follower starts with a word may still end with it: the manifest does not tell.
const origins: [origin: string, chunks: number[]][] = [
  ["a", []],
  ["b", [0]],
  ["c", [0]],
  ["d", [0, 1, 2]],
  ["e", [2]],
  ["f", [2, 3]],
  ["g", [3]],
];

test.each(origins)("of chunks that start with b, d, d and f, orthos from %s may be in %j", async (origin, numbers) => {
  const path = join(folder, "chunks.tar.zst");
  const options = { max_dims: 2, min_volume: 1, shard: null };
  const [chunk] = walkText("a b. a c. b d. c d", { maxDims: 2, minVolume: 1, codeLimit: 1000 }).chunks;
  const writer = new ArchiveWriter(
    path,
    { name: "b", lineage: '"b"', sources: [], options },
    corpusOfText("a b").corpus,
  );
  for (const [square, start] of ["b", "d", "d", "f"].entries()) {
    const placed = { ...chunk, start: { origin: start, second: "b", square } };
    writer.addChunk(placed, encodeChunk(placed));
  }
  writer.finish();
  const archive = await Archive.open(path);
  const found = await Array.fromAsync(archive.chunks({ origin }));
  expect(found.map(([entry]) => entry.start[2])).toEqual(numbers);
  archive.close();
});
