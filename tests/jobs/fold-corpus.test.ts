// A fold gives the same archive however it is run, and its shards are the whole.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { corpusOfText } from "../../src/core/corpus.ts";
import { canonicalLine } from "../../src/core/optimal.ts";
import type { FoldOutcome } from "../../src/jobs/fold-corpus.ts";
import { corpusOfSentences, sentencesOfCorpus } from "../support/corpora.ts";
import { expectedOf, shapesOfLines } from "../support/expected.ts";
import { foldText, readArchive } from "../support/folds.ts";
import { digestOf, halfOfSample, sampleFacts, sampleText } from "../support/sample.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { sortedLines } from "../support/walks.ts";

// For slow machines: some tests fold several times.
setDefaultTimeout(60_000);

const folder = temporaryFolder();
const options = { max_dims: 3, min_volume: 1, shard: null };
const whole = await foldText(sampleText, { archive: join(folder, "whole.tar.zst"), options, threads: 1 });
const wholeLines = (await readArchive(join(folder, "whole.tar.zst"))).lines;

function found({ orthos, shapes, optimal }: FoldOutcome) {
  return { orthos, shapes, optimal };
}

test.each([2, 7])("%d threads write the same bytes as one", async (threads) => {
  const outcome = await foldText(sampleText, { archive: join(folder, `${threads}.tar.zst`), options, threads });
  expect(outcome.archive?.tarSha256).toBe(whole.archive?.tarSha256 ?? "");
  expect(found(outcome)).toEqual(found(whole));
});

test("sentences in another order give the same bytes", async () => {
  const corpus = corpusOfSentences(sentencesOfCorpus(corpusOfText(sampleText).corpus).reverse());
  const outcome = await foldText(sampleText, { corpus, archive: join(folder, "reversed.tar.zst"), options });
  expect(outcome.archive?.tarSha256).toBe(whole.archive?.tarSha256 ?? "");
});

test("without an archive the same is found, and nothing is written", async () => {
  const before = readdirSync(folder);
  expect(found(await foldText(sampleText, { options }))).toEqual(found(whole));
  expect(readdirSync(folder)).toEqual(before);
});

test("what is found is what is in the archive", () => {
  expect(whole.shapes).toEqual(shapesOfLines(wholeLines));
  expect(new Set(wholeLines).size).toBe(whole.orthos);
});

test("two dimensions of the sample text are as other programs found them", async () => {
  const { orthos } = await foldText(sampleText, { archive: join(folder, "flat.tar.zst") });
  const { lines } = await readArchive(join(folder, "flat.tar.zst"));
  expect({ orthos, digest: digestOf(sortedLines(lines)) }).toEqual({ ...sampleFacts });
});

test("all dimensions of a small text are as brute force finds them", async () => {
  const text = "a b c. d e f. a d. b e. c f. g h i. a g. b h. c i. d g";
  const path = join(folder, "small.tar.zst");
  const outcome = await foldText(text, { archive: path, options: { ...options, max_dims: null } });
  const { lines, ...expected } = expectedOf(text, Number.POSITIVE_INFINITY);
  expect({ orthos: outcome.orthos, shapes: outcome.shapes }).toEqual({
    orthos: expected.orthos,
    shapes: expected.shapes,
  });
  expect(outcome.optimal === null ? null : canonicalLine(outcome.optimal)).toBe(expected.optimal);
  expect(sortedLines((await readArchive(path)).lines)).toEqual([...lines]);
});

test("a least volume leaves out the smaller orthos and nothing else", async () => {
  const path = join(folder, "large.tar.zst");
  const half = await foldText(halfOfSample, { archive: path, options });
  const halfLines = (await readArchive(path)).lines;
  const volumeOf = (line: string) =>
    line
      .split("\t")[0]
      .split("x")
      .reduce((volume, n) => volume * (Number(n) - 1), 1);
  for (const min_volume of [2, 3, 4]) {
    const outcome = await foldText(halfOfSample, { archive: path, options: { ...options, min_volume } });
    const kept = halfLines.filter((line) => volumeOf(line) >= min_volume);
    expect(kept.length).toBeGreaterThan(0);
    const { lines } = await readArchive(path);
    expect({ min_volume, orthos: outcome.orthos, digest: digestOf(sortedLines(lines)) }).toEqual({
      min_volume,
      orthos: kept.length,
      digest: digestOf(sortedLines(kept)),
    });
    expect(outcome.optimal).toEqual(half.optimal);
  }
});

test.each([2, 5])("%d shards are disjoint and together the whole", async (of) => {
  const lines: string[] = [];
  for (let number = 1; number <= of; number++) {
    const path = join(folder, `${number}.of.tar.zst`);
    const outcome = await foldText(sampleText, { archive: path, options: { ...options, shard: { number, of } } });
    const mine = (await readArchive(path)).lines;
    expect(outcome.shapes).toEqual(shapesOfLines(mine));
    expect(mine.length).toBeGreaterThan(0);
    lines.push(...mine);
  }
  expect(lines.length).toBe(whole.orthos);
  expect(digestOf(sortedLines(lines))).toBe(digestOf(sortedLines(wholeLines)));
});

// Chunks are content: the shards' are the whole's, so that a store keeps them once.
test("a chunk of a shard is a chunk of the whole", async () => {
  const shard = { number: 1, of: 2 };
  const { archive } = await foldText(sampleText, {
    archive: join(folder, "half.tar.zst"),
    options: { ...options, shard },
  });
  const hashes = new Set(whole.archive?.manifest.chunks.map((chunk) => chunk.sha256));
  expect(archive?.manifest.chunks.filter((chunk) => !hashes.has(chunk.sha256))).toEqual([]);
});

test("more shards than tasks: the last ones are empty archives", async () => {
  const path = join(folder, "empty.tar.zst");
  const { orthos } = await foldText("a b. c d. a c. b d", {
    archive: path,
    options: { ...options, shard: { number: 9, of: 9 } },
  });
  expect({ orthos, lines: (await readArchive(path)).lines }).toEqual({ orthos: 0, lines: [] });
});

test("nothing but archives is left", () => {
  expect(existsSync(folder)).toBe(true);
  expect(readdirSync(folder).filter((name) => !name.endsWith(".tar.zst"))).toEqual([]);
});
