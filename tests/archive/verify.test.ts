// The check of a whole archive: one forgery for each thing that it can find, with all hashes right that it does not lie about.
import { expect, test } from "bun:test";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Chunk, decodeChunk, encodeChunk } from "../../src/archive/chunk.ts";
import { decodeInterner, encodeInterner } from "../../src/archive/interner.ts";
import {
  chunkPath,
  encodeManifest,
  INTERNER,
  MANIFEST,
  type Manifest,
  OPTIMAL,
  sealManifest,
  sha256,
} from "../../src/archive/manifest.ts";
import { verifyArchive } from "../../src/archive/verify.ts";
import { canonicalLine } from "../../src/core/optimal.ts";
import { cellsOf, volumeOf } from "../../src/core/shapes.ts";
import { foldErrorOf, foldText, readArchive } from "../support/folds.ts";
import { archiveWithTable, entriesOf, packings, type TarEntry, tarOfArchive } from "../support/tars.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const path = join(folder, "book.tar.zst");
await foldText("all the readers. his case of. all his. the case. readers of", { archive: path });
const entries = entriesOf(tarOfArchive(await Bun.file(path).bytes()));
const told = JSON.parse(Buffer.from(entries[3].bytes).toString()) as Manifest;
const corpus = decodeInterner(entries[0].bytes);
const chunk = decodeChunk(entries[1].bytes, chunkPath(0));
const oldPath = join(import.meta.dir, "../fixtures/state-0.1.0/archives/tale.tar.zst");
const oldEntries = entriesOf(tarOfArchive(await Bun.file(oldPath).bytes()));

/** Sizes and hashes of members, for the manifest that lists them. */
const listed = ({ path: name, bytes }: TarEntry) => ({ path: name, size: bytes.length, sha256: sha256(bytes) });

/** An archive whose manifest is changed, and lists the members that are there. */
function sealed(members: readonly TarEntry[], changes: Partial<Manifest> = {}): TarEntry[] {
  const { content_sha256: _old, ...rest } = {
    ...told,
    ...{ interner: listed(members[0]), chunks: [{ ...told.chunks[0], ...listed(members[1]) }] },
    optimal_txt: listed(members[2]),
    ...changes,
  };
  return [...members.slice(0, 3), { path: MANIFEST, bytes: encodeManifest(sealManifest(rest)) }];
}

const withChunk = (changes: Partial<Chunk>) =>
  sealed(entries.with(1, { path: chunkPath(0), bytes: encodeChunk({ ...chunk, ...changes }).slice() }));
const withEntry = (changes: Partial<Manifest["chunks"][number]>) =>
  sealed(entries, { chunks: [{ ...told.chunks[0], ...changes }] });
/** The members of an archive of another format, which its manifest says to be of this one. */
function ofFormat(format: number, members: readonly TarEntry[]): TarEntry[] {
  const { content_sha256: _old, ...rest } = JSON.parse(Buffer.from(members[members.length - 1].bytes).toString());
  const bytes = encodeManifest(sealManifest({ ...rest, format }));
  return members.with(-1, { path: MANIFEST, bytes });
}

/** The sentences with a word more, which none of them holds. */
const withUnused = encodeInterner({ ...corpus, words: [...corpus.words, "zebra"] }).slice();
const square = { dims: [2, 2], words: ["all", "his", "the", "case"] };
const squareTold = { ...square, volume: volumeOf(square.dims), cells: cellsOf(square.dims) };
const optimalOf = (line: string): TarEntry => ({ path: OPTIMAL, bytes: Buffer.from(line) });

const otherHead = `${chunkPath(0)} has another head than the manifest says`;
const notBest = "the manifest names an optimal ortho that is not the best of its chunks";

const forgeries: [problem: string, what: string, members: TarEntry[]][] = [
  [
    `${INTERNER} is not in canonical form: words unused, or sentences repeated or out of order`,
    "a word unused",
    sealed(entries.with(0, { path: INTERNER, bytes: withUnused }), { vocabulary: told.vocabulary + 1 }),
  ],
  [
    `${INTERNER} is not the one that the manifest lists`,
    "hash",
    sealed(entries, { interner: { ...told.interner, sha256: sha256(new Uint8Array(0)) } }),
  ],
  ["the manifest counts the vocabulary wrongly", "vocabulary", sealed(entries, { vocabulary: told.vocabulary + 1 })],
  [
    "the manifest counts sentences wrongly",
    "sentences",
    sealed(entries, { distinct_sentences: told.distinct_sentences + 1 }),
  ],
  [otherHead, "an origin", withEntry({ start: ["of", told.chunks[0].start[1], told.chunks[0].start[2]] })],
  [otherHead, "a second word", withEntry({ start: [told.chunks[0].start[0], "all", told.chunks[0].start[2]] })],
  [otherHead, "a square", withEntry({ start: [told.chunks[0].start[0], told.chunks[0].start[1], 1] })],
  [otherHead, "shapes", withEntry({ shapes: { "2x2": told.orthos } })],
  [`${chunkPath(0)} is of another format`, "a chunk of format 1", ofFormat(2, oldEntries)],
  [`${chunkPath(0)} is of another format`, "a chunk of format 2", ofFormat(1, entries)],
  [`${chunkPath(0)} was folded with another least volume`, "volume", withChunk({ minVolume: 0 })],
  [
    `${OPTIMAL} is not the optimal ortho of the manifest`,
    "another line",
    sealed(entries.with(2, optimalOf(`${canonicalLine(square)}\n`))),
  ],
  [
    `${MANIFEST} is not written as fold writes it`,
    "without line breaks",
    entries.with(3, { path: MANIFEST, bytes: Buffer.from(JSON.stringify(told)) }),
  ],
  ["the manifest counts orthos by shape wrongly", "shapes", sealed(entries, { shapes: { "2x2": told.orthos } })],
  [
    "the manifest is wrong about whether there is an optimal ortho",
    "none",
    sealed(entries.with(2, optimalOf("")), { optimal: null }),
  ],
  [notBest, "a worse one", sealed(entries.with(2, optimalOf(`${canonicalLine(square)}\n`)), { optimal: squareTold })],
  [notBest, "another volume", sealed(entries, { optimal: { ...told.optimal, volume: 3 } as Manifest["optimal"] })],
];

async function problemsOf(bytes: Uint8Array, onProgress?: (step: string, place: string) => void) {
  const place = join(folder, "forged.tar.zst");
  writeFileSync(place, bytes);
  const { ok, problems } = await verifyArchive(place, {
    sample: 1,
    onProgress: ({ step }) => onProgress?.(step, place),
  });
  expect(ok).toBe(problems.length === 0);
  return problems;
}

test("what the forgeries are made from is sound", async () => {
  for (const pack of Object.values(packings)) {
    expect(await problemsOf(pack(sealed(entries)))).toEqual([]);
    expect(await problemsOf(pack(ofFormat(1, oldEntries)))).toEqual([]);
  }
});

test.each(forgeries)("%s (%s)", async (problem, _, members) => {
  expect(await problemsOf(archiveWithTable(members))).toEqual([problem]);
});

const tooMany = sealed(entries, {
  orthos: told.orthos + 1,
  chunks: [{ ...told.chunks[0], orthos: told.orthos + 1 }],
});

test("more orthos than there are", async () => {
  const counted = `the manifest counts ${told.orthos + 1} orthos, and there are ${told.orthos}`;
  expect(await problemsOf(archiveWithTable(tooMany))).toEqual([otherHead, counted]);
});

test("a file that the second decoder reads as something else", async () => {
  // No bytes are known that both decoders take and read differently: the file is another one when the second begins.
  const other = join(folder, "other.tar.zst");
  await foldText("all the readers. his case of. all his. the case. readers of. more", { archive: other });
  const problems = await problemsOf(await Bun.file(path).bytes(), (step, place) => {
    if (step === "decoding again") copyFileSync(other, place);
  });
  expect(problems).toEqual([expect.stringContaining("is decoded differently by fzstd")]);
});

const unreadable = [
  ...forgeries.filter(([problem]) => problem === otherHead || problem.includes("another format")),
  ...([[otherHead, "more orthos", tooMany]] satisfies typeof forgeries),
];

test.each(unreadable)(
  "a reader believes no chunk of which the manifest is wrong: %s (%s)",
  async (_problem, _, members) => {
    const place = join(folder, "forged.tar.zst");
    writeFileSync(place, archiveWithTable(members));
    const error = await foldErrorOf(() => readArchive(place));
    expect(error.code).toBe("corrupt");
    expect(error.message).toContain("differently than the chunk itself");
  },
);
