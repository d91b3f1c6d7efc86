import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Chunk, encodeChunk } from "../../src/archive/chunk.ts";
import { Archive } from "../../src/archive/reader.ts";
import { ArchiveWriter } from "../../src/archive/writer.ts";
import type { Corpus } from "../../src/core/corpus.ts";
import { call } from "../support/binary.ts";
import { corpusOfSentences, sentencesOfCorpus } from "../support/corpora.ts";
import { foldText } from "../support/folds.ts";
import { sampleFacts, sampleText } from "../support/sample.ts";
import { archiveInOneFrame, archiveWithTable, entriesOf, tarOfArchive } from "../support/tars.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const path = join(folder, "log.tar.zst");
await foldText(sampleText, { archive: path });
const bytes = new Uint8Array(readFileSync(path));
const entries = entriesOf(tarOfArchive(bytes));

async function verified(place: string, ...args: string[]) {
  const { exit, stdout } = await call(["verify", place, "--json", ...args]);
  return { exit, ...(JSON.parse(stdout) as { ok: boolean; problems: string[]; orthos_checked: number }) };
}

/** Verify forged bytes; every problem in one text. */
async function problemsOf(forged: Uint8Array): Promise<string> {
  const place = join(folder, "forged.tar.zst");
  writeFileSync(place, forged);
  const { exit, ok, problems } = await verified(place);
  expect([exit, ok]).toEqual([1, false]);
  return problems.join("\n");
}

test("a sound archive", async () => {
  const result = await verified(path);
  expect(result).toMatchObject({ exit: 0, ok: true, problems: [], orthos_checked: sampleFacts.orthos });
  const { exit, stdout } = await call(["verify", path]);
  expect(exit).toBe(0);
  expect(stdout).toContain(": sound\n");
});

test("problems are counted as they are listed, though two decoders may say the same", async () => {
  const place = join(folder, "truncated.tar.zst");
  writeFileSync(place, bytes.subarray(0, bytes.length >> 1));
  const { problems, problem_count } = JSON.parse((await call(["verify", place, "--json"])).stdout);
  expect(problem_count).toBe(problems.length);
  const { stdout } = await call(["verify", place]);
  expect(stdout).toContain(`${problems.length} problems:\n`);
  expect(stdout).not.toContain("more");
});

test("three dimensions and more, and a least volume", async () => {
  const place = join(folder, "deep.tar.zst");
  const text = "a b. c d. e f. g h. a c. b d. e g. f h. a e. b f. c g. d h. i j k. l m n. o p q. i l o. j m p. k n q.";
  await foldText(text, { archive: place, options: { max_dims: null, min_volume: 1, shard: null } });
  expect(await verified(place)).toMatchObject({ exit: 0, ok: true });
  await foldText(text, { archive: place, options: { max_dims: null, min_volume: 2, shard: null }, fresh: true });
  expect(await verified(place)).toMatchObject({ exit: 0, ok: true });
});

test("an archive without orthos is sound", async () => {
  const place = join(folder, "empty.tar.zst");
  await foldText("one two three.", { archive: place });
  expect(await verified(place)).toMatchObject({ exit: 0, ok: true, orthos_checked: 0 });
});

test("--sample checks a share, and always something", async () => {
  const result = await verified(path, "--sample", "1/1000000");
  expect(result).toMatchObject({ exit: 0, ok: true });
  expect(result.orthos_checked).toBeGreaterThan(0);
  expect(result.orthos_checked).toBeLessThanOrEqual(sampleFacts.orthos);
});

test("a tar that was compressed again is sound", async () => {
  const place = join(folder, "again.tar.zst");
  writeFileSync(place, archiveInOneFrame(entries));
  const result = await verified(place);
  expect(result).toMatchObject({ exit: 0, ok: true, tar_sha256_is_stated: false, orthos_checked: sampleFacts.orthos });
});

test.each([0.1, 0.5, 0.9, 0.999])("cut off at %d", async (share) => {
  expect(await problemsOf(bytes.slice(0, Math.floor(bytes.length * share)))).not.toBe("");
});

test.each([0.01, 0.3, 0.6, 0.9])("a bit flipped at %d", async (share) => {
  const flipped = bytes.slice();
  flipped[Math.floor(bytes.length * share)] ^= 16;
  expect(await problemsOf(flipped)).not.toBe("");
});

test("another hash of the tar than the file says", async () => {
  const forged = bytes.slice();
  const label = Buffer.from(forged).lastIndexOf("fold");
  forged[label + 10] ^= 1;
  expect(await problemsOf(forged)).toMatch(/the tar has SHA-256 .* and the file says/);
});

test("a seek table that does not fit the file", async () => {
  const table = bytes.length - 9 - 8 * (2 * entries.length + 2);
  const view = new DataView(bytes.slice().buffer);
  view.setUint32(table, view.getUint32(table, true) + 1, true);
  expect(await problemsOf(new Uint8Array(view.buffer))).toContain("seek table at its end");
  // The sum still fits: one frame seems longer by what the next seems shorter.
  view.setUint32(table + 8, view.getUint32(table + 8, true) - 1, true);
  expect(await problemsOf(new Uint8Array(view.buffer))).toContain("is not where the seek table says");
});

test("members that are foreign, missing, doubled, swapped or changed", async () => {
  const [interner, chunk, ...rest] = entries;
  const foreign = { path: "../passwd", bytes: Buffer.from("x") };
  expect(await problemsOf(archiveWithTable([interner, foreign, chunk, ...rest]))).toContain('"../passwd"');
  expect(await problemsOf(archiveWithTable([interner, ...rest]))).toMatch(/is due|are due/);
  expect(await problemsOf(archiveWithTable([interner, chunk, chunk, ...rest]))).toMatch(/is due/);
  expect(await problemsOf(archiveWithTable([chunk, interner, ...rest]))).toMatch(/is due/);
  const optimal = entries.findIndex((entry) => entry.path === "optimal.txt");
  const changed = entries.with(optimal, { path: "optimal.txt", bytes: Buffer.from("2x2\ta b c d\n") });
  expect(await problemsOf(archiveWithTable(changed))).toMatch(/optimal\.txt is not/);
});

test("bytes behind the end of the tar", async () => {
  const tar = Buffer.concat([tarOfArchive(bytes), Buffer.from("more")]);
  expect(await problemsOf(Bun.zstdCompressSync(tar))).toContain("goes on after its end");
});

/** An archive whose manifest and hashes are right, of chunks and sentences that are not. */
async function forge(
  change: (chunks: Chunk[], corpus: Corpus) => { chunks: Chunk[]; corpus: Corpus },
): Promise<Uint8Array> {
  const archive = await Archive.open(path);
  const place = join(folder, "made.tar.zst");
  try {
    const chunks: Chunk[] = [];
    for await (const [, chunk] of archive.chunks()) chunks.push(chunk);
    const changed = change(chunks, await archive.corpus());
    const writer = new ArchiveWriter(place, archive.manifest, changed.corpus);
    for (const chunk of changed.chunks) writer.addChunk(chunk, encodeChunk(chunk));
    writer.finish();
  } finally {
    archive.close();
  }
  return new Uint8Array(readFileSync(place));
}

test("orthos with lines that no sentence holds", async () => {
  const forged = await forge((chunks, corpus) => {
    // The same words, each a sentence of its own: no phrase of two words is left.
    return { chunks, corpus: corpusOfSentences(corpus.words.map((word) => [word])) };
  });
  expect(await problemsOf(forged)).toContain("names a word that never follows its line");
});

test("orthos of words that no sentence holds", async () => {
  const forged = await forge((chunks, corpus) => {
    const { origin } = chunks[0].start;
    const sentences = sentencesOfCorpus(corpus).filter((words) => !words.includes(origin));
    return { chunks, corpus: corpusOfSentences(sentences) };
  });
  expect(await problemsOf(forged)).toMatch(/spells a word that the text does not hold|never follows its line/);
});

test("a chunk that is there twice", async () => {
  const forged = await forge((chunks, corpus) => ({ chunks: [...chunks, chunks[chunks.length - 1]], corpus }));
  expect(await problemsOf(forged)).toContain("belongs in another chunk");
});

test("counts by shape and an optimal ortho that are not so", async () => {
  const counts = await forge(([first, ...chunks], corpus) => {
    const shapes = { ...first.shapes, "2x2": first.shapes["2x2"] - 1, "7x7": 1 };
    return { chunks: [{ ...first, shapes }, ...chunks], corpus };
  });
  expect(await problemsOf(counts)).toContain("counts its orthos by shape wrongly");
  const optimal = await forge(([first, ...chunks], corpus) => {
    const { words } = corpus;
    return { chunks: [{ ...first, optimal: { dims: [2, 2], words: words.slice(0, 4) } }, ...chunks], corpus };
  });
  expect(await problemsOf(optimal)).toContain("names an optimal ortho that is not its best");
});

test("chunks that were folded with another least volume", async () => {
  const forged = await forge((chunks, corpus) => ({
    chunks: chunks.map((chunk) => ({ ...chunk, minVolume: 2 })),
    corpus,
  }));
  expect(await problemsOf(forged)).toContain("was folded with another least volume");
});
