// FORMAT.md is enough to read an archive: the second reader, written from that page alone, and fold itself read the
// same orthos out of what the executable wrote.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { binary, report } from "../support/binary.ts";
import { sampleFacts, samplePath } from "../support/sample.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { Followers, Learnt } from "./cells.ts";
import {
  countShapes,
  digest,
  type Interner,
  readArchive,
  readChunk,
  readInterner,
  readMembers,
  readTar,
  sha256,
  textOf,
} from "./reader.ts";
import { readTree } from "./tree.ts";
import { Input } from "./wire.ts";

const folder = temporaryFolder();

const page = await Bun.file(join(import.meta.dir, "../../FORMAT.md")).text();
// For those who call bun test themselves on a busy machine; npm test gives as much to all.
const slow_ms = 300_000;
const partLength = 12_000;
const exampleText = /^The fourteen sentences `([^`]+)`/m.exec(page)![1];

/** Every line along an axis of an array of distinct words, as sentences. */
function gridText(dims: readonly number[], prefix: string): string {
  const cells = dims.reduce((product, length) => product * length, 1);
  const sentences: string[] = [];
  let stride = 1;
  for (const length of dims) {
    for (let from = 0; from < cells; from++) {
      if (Math.floor(from / stride) % length !== 0) continue;
      const places = Array.from({ length }, (_, i) => from + i * stride);
      sentences.push(places.map((place) => prefix + String.fromCharCode(97 + place)).join(" "));
    }
    stride *= length;
  }
  return sentences.join(". ");
}

const texts = {
  example: exampleText,
  grids: `${gridText([3, 3, 2], "q")}. ${gridText([2, 2, 2, 2], "r")}. qa ra. qb rb. qa rc. ra qd. rb qd`,
  ladder:
    "a b c d e f. g h i j k l. a g. b h. c i. d j. e k. f l. m n o p q. g m. h n. i o. j p. k q. b a c d. a b a c",
  // In UTF-16 the last two words are ordered the other way round than in UTF-8.
  letters: "ähre ﬂut. 𐐨𐐩 漢字. ähre 𐐨𐐩. ﬂut 漢字. ähre ﬁn. ﬁn 漢字. 漢字 ähre. ﬂut 𐐨𐐩 ﬁn. ähre ähre",
  nothing: "one lonely sentence",
};

let files = 0;

/** Fold a text with these options and read the archive with the second reader. */
async function foldAndRead(text: string, ...options: string[]) {
  const cwd = join(folder, String(files++));
  await Bun.write(join(cwd, "x.txt"), text);
  const { archive, tar_sha256 } = await report(["run", "x.txt", "--out", cwd, ...options], { cwd });
  if (archive === null || tar_sha256 === null) throw new Error("fold wrote no archive");
  const bytes = await Bun.file(archive).bytes();
  return { path: archive, bytes, tarHash: tar_sha256, ...readArchive(bytes) };
}

/** The digest as fold's help tells to make it, but for sha256sum, which not every machine has. */
async function exportedDigest(path: string): Promise<string> {
  const pipeline = '"$0" export "$1" | LC_ALL=C sort';
  return sha256(Buffer.from(await Bun.$`sh -c ${pipeline} ${binary} ${path}`.arrayBuffer()));
}

/** Below 0 when `a` is the better one, as section 2 defines the optimal ortho. */
function compareOrthos(a: string, b: string): number {
  const [left, right] = [a, b].map((line) => {
    const [shape, words] = line.split("\t") as [string, string];
    const dims = shape.split("x").map(Number);
    const volume = dims.reduce((product, length) => product * (length - 1), 1);
    return { volume, dims, words: words.split(" ") };
  });
  const firstDims = left.dims.map((length, i) => length - (right.dims[i] ?? 0)).find((difference) => difference !== 0);
  const firstWords = left.words.map((word, i) => Buffer.compare(Buffer.from(word), Buffer.from(right.words[i] ?? "")));
  return (
    right.volume - left.volume ||
    right.words.length - left.words.length ||
    (firstDims ?? 0) ||
    (firstWords.find((order) => order !== 0) ?? 0)
  );
}

type Read = Awaited<ReturnType<typeof foldAndRead>>;

async function check({ path, bytes, tarHash, lines, manifest }: Read): Promise<void> {
  const { tar, frameSizes } = readTar(bytes);
  expect(frameSizes).toHaveLength(2 * manifest.chunks.length + 7);
  expect(sha256(tar)).toBe(tarHash);
  expect(await exportedDigest(path)).toBe(digest(lines));
  expect(new Set(lines).size).toBe(lines.length);
  expect(lines.length).toBe(manifest.orthos);
  expect(countShapes(lines)).toEqual(manifest.shapes);
  const { optimal } = manifest;
  const best = optimal === null ? [] : [`${optimal.dims.join("x")}\t${optimal.words.join(" ")}`];
  const found = lines.slice(1).reduce((first, line) => (compareOrthos(line, first) < 0 ? line : first), lines[0]);
  expect([found].slice(lines.length === 0 ? 1 : 0)).toEqual(best);
  const text = readMembers(tar).get("manifest.json")!.toString();
  expect(text).toBe(`${JSON.stringify(manifest, null, 1)}\n`);
  // The tar counts: compressed by another program it holds the same.
  expect(digest(readArchive(Bun.zstdCompressSync(tar)).lines)).toBe(digest(lines));
}

describe.each(["2", "all"])("dims: %s", (dims) => {
  test.each(Object.entries(texts))("the orthos of a small text: %s", async (name, text) => {
    const read = await foldAndRead(text, "--max-dims", dims);
    await check(read);
    expect(read.lines.length > 0).toBe(name !== "nothing");
    expect(read.lines.some((line) => /^2x2x2x2\t/.test(line))).toBe(dims === "all" && name === "grids");
  });

  test("orthos of less volume are passed over", async () => {
    for (const text of Object.values(texts)) {
      const whole = await foldAndRead(text, "--max-dims", dims);
      const read = await foldAndRead(text, "--max-dims", dims, "--min-volume", "3");
      await check(read);
      const large = whole.lines.filter((line) => {
        const [shape] = line.split("\t") as [string];
        return shape.split("x").reduce((product, length) => product * (Number(length) - 1), 1) >= 3;
      });
      expect(digest(read.lines)).toBe(digest(large));
    }
  });
});

test(
  "the sample text in two dimensions, and its shards",
  async () => {
    const text = await Bun.file(samplePath).text();
    const whole = await foldAndRead(text);
    await check(whole);
    expect(digest(whole.lines)).toBe(sampleFacts.digest);
    const shards = await Promise.all(["1/3", "2/3", "3/3"].map((shard) => foldAndRead(text, "--shard", shard)));
    await check(shards[1]);
    expect(shards[1].manifest.options.shard).toEqual({ number: 2, of: 3 });
    expect(shards[1].manifest.lineage).toBe('("x" 2/3)');
    expect(shards[1].manifest.interner).toEqual(whole.manifest.interner);
    expect(digest(shards.flatMap(({ lines }) => lines))).toBe(sampleFacts.digest);
  },
  slow_ms,
);

test(
  "a part of the sample text in all dimensions",
  async () => {
    const text = (await Bun.file(samplePath).text()).slice(0, partLength);
    const { lines, ...rest } = await foldAndRead(text, "--max-dims", "all");
    await check({ lines, ...rest });
    expect(lines.some((line) => /^\dx\dx\d\t/.test(line))).toBeTrue();
  },
  slow_ms,
);

/** Words and sentences of a plain text, without fold. */
function internerOf(text: string): Interner {
  const sentences = text.split(". ").map((sentence) => sentence.split(" "));
  const words = [...new Set(sentences.flat())].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return { words, sentences: sentences.map((sentence) => sentence.map((word) => words.indexOf(word))) };
}

/** The bytes of the lines of section 10 that start with an offset; each must stand where the lines before it end. */
function exampleChunk(): Buffer {
  const bytes: number[] = [];
  for (const [, offset, row] of page.matchAll(/^ {4}([0-9A-F]{2}) {2}((?:[0-9A-F]{2}\b {0,2})+)/gm)) {
    expect(Number.parseInt(offset, 16)).toBe(bytes.length);
    bytes.push(...Buffer.from(row.replaceAll(" ", ""), "hex"));
  }
  return Buffer.from(bytes);
}

describe("the worked example of FORMAT.md", () => {
  const quoted = (before: string) => new RegExp(`${before}\\s*\`([0-9a-f]{64})\``).exec(page)?.[1];

  const example = () => textOf(internerOf(exampleText));

  test("its chunk decodes to the lines that stand beside it", () => {
    const chunk = exampleChunk();
    expect(chunk.length).toBe(199);
    expect(sha256(chunk)).toBe(quoted("of 199 bytes, SHA-256")!);
    const claimed = [...page.matchAll(/ {2}(\d(?:x\d)+) +((?:[a-m] )+[a-m])$/gm)].map(([, shape, words]) => [
      shape,
      words,
    ]);
    const { lines, optimal, shapes, start } = readChunk(chunk, example());
    expect(lines.toSorted()).toEqual(claimed.map((line) => line.join("\t")).sort());
    expect(digest(lines)).toBe(quoted("Digest of the 15 lines:")!);
    expect({ optimal, shapes, start }).toEqual({
      optimal: "3x3\ta b c d e f g h i",
      shapes: { "2x2": 9, "2x3": 4, "3x3": 1, "2x2x2": 1 },
      start: ["a", "b", 0],
    });
  });

  test("fold writes just these bytes", async () => {
    const { bytes, manifest } = await foldAndRead(exampleText, "--max-dims", "all");
    const { tar } = readTar(bytes);
    const members = readMembers(tar);
    expect(members.get("results/queue_00000000.bin")).toEqual(exampleChunk());
    expect(manifest.content_sha256).toBe(quoted("`content_sha256` is")!);
    expect(sha256(tar)).toBe(quoted("tar's SHA-256 is")!);
    const interner = members.get("interner.bin")!;
    expect(interner.length).toBe(82);
    const pieces = /^ {4}(46 4F 4C 44 .*) \.\.\.$/m.exec(page)![1].split(" ... ");
    const hex = interner.toString("hex").toUpperCase();
    for (const piece of pieces) expect(hex).toContain(piece.replaceAll(" ", ""));
    expect(readInterner(interner).sentences).toHaveLength(14);
  });

  test("a changed byte is noticed, whichever it is", () => {
    const chunk = exampleChunk();
    const text = example();
    for (const place of chunk.keys()) {
      const damaged = Buffer.from(chunk);
      damaged[place] ^= 0x40;
      expect(() => readChunk(damaged, text)).toThrow();
    }
  });
});

test("a section that a chunk begins in the middle is read from there", () => {
  const { words, sentences } = internerOf("a b c. j k f. a d. b e. d e. b k. a j");
  const cells = new Followers(sentences);
  // After a come b d j, after b c e k. Block a: middles b d of end e, middles b j of end k. Section b, from square 1, with
  // a longer pair below; until 2.
  const code = "01 61 02 00 01 01 02 00 02 02 00 01 00 01 01 01 01 00 02 00";
  const read = (hex: string) =>
    readTree(Buffer.from(hex.replaceAll(" ", ""), "hex"), { format: 2, words, cells, minVolume: 1, limit: 9 });
  expect(read(code)).toEqual(["2x3\ta b c j k f", "2x2\ta b j k"]);
  expect(() => read(code.replace(/00 02 00$/, "00 01 00"))).toThrow("until");
  expect(() => read(code.replace(/00 02 00$/, "00 03 00"))).toThrow("until");
  expect(() => read(code.slice(0, -3))).toThrow("ends");
  expect(() => read(code.replace("01 61", "01 6C"))).toThrow("origin word");
  expect(() => read(code.replace("01 61", "00"))).toThrow("origin word");
  // The end is told by what follows the first middle, b: three words.
  expect(() => read(code.replace("02 02 00", "02 03 00"))).toThrow("beyond");
  expect(() => read(code.replace("01 61", "01 FF"))).toThrow();
});

test("a number without a follower and a context that is no phrase are refused", () => {
  // Nothing follows `c`; `a` ends one sentence and `b` begins the next, which makes no phrase.
  const cells = new Followers(internerOf("c a. b a b. b c").sentences);
  const [a, b, c] = [0, 1, 2];
  expect([0, 1].map((number) => cells.word([b], number))).toEqual([a, c]);
  expect(cells.word([b, a], 0)).toBe(b);
  expect(() => cells.word([b], 2)).toThrow("beyond");
  expect(() => cells.word([c, a], 0)).toThrow("beyond");
  expect(() => cells.word([a, b], 0)).toThrow("beyond");
  expect(() => cells.word([c, a, b], 0)).toThrow("no phrase");
  expect(() => cells.word([c, c], 0)).toThrow("no phrase");
});

describe("format 1", () => {
  const folderOf1 = join(import.meta.dir, "../fixtures/state-0.1.0/archives");
  const names = ["letters", "letters.max-dims-all", "tale"];
  const archiveOf1 = (name: string) => Bun.file(join(folderOf1, `${name}.tar.zst`)).bytes();

  test.each(names)("fold and the second reader read the same in the archive %s", async (name) => {
    const { lines, manifest } = readArchive(await archiveOf1(name));
    expect(manifest.format).toBe(1);
    expect(lines.length).toBe(manifest.orthos);
    expect(countShapes(lines)).toEqual(manifest.shapes);
    expect(await exportedDigest(join(folderOf1, `${name}.tar.zst`))).toBe(digest(lines));
  });

  test("its chunks need no interner, and hold what those of format 2 do", async () => {
    const members = readMembers(readTar(await archiveOf1("letters.max-dims-all")).tar);
    const nothing = textOf({ words: [], sentences: [] });
    const { format, lines } = readChunk(members.get("results/queue_00000000.bin")!, nothing);
    expect(format).toBe(1);
    expect(digest(lines)).toBe(digest(readChunk(exampleChunk(), textOf(internerOf(exampleText))).lines));
  });

  test("a number beyond what has been coded after its context is refused", () => {
    const cells = new Learnt(3);
    const input = (...bytes: number[]) => new Input(Uint8Array.from(bytes));
    expect(() => cells.word([0], 1, input())).toThrow("beyond");
    expect(cells.word([0], 0, input(2))).toBe(2);
    expect(cells.word([0], 1, input())).toBe(2);
    expect(() => cells.word([0], 0, input(3))).toThrow("out of range");
    expect(() => cells.word([1], 1, input())).toThrow("beyond");
  });
});
