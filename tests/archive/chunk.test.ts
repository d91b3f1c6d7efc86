// Result chunks: what is written is read, and what was damaged or forged is refused.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { type Chunk, decodeChunk, encodeChunk, visitOrthos } from "../../src/archive/chunk.ts";
import { Archive } from "../../src/archive/reader.ts";
import { ChunkChecker } from "../../src/archive/verify-chunk.ts";
import { FoldError } from "../../src/errors.ts";
import { corpusOfSentences } from "../support/corpora.ts";
import { shapesOfLines } from "../support/expected.ts";
import { foldErrorOf } from "../support/folds.ts";
import { sampleText } from "../support/sample.ts";
import { denseSentencesArbitrary, textArbitrary, textOf } from "../support/texts.ts";
import { linesOfChunk, walkText } from "../support/walks.ts";

const chunksArbitrary = fc
  .record({
    text: fc.oneof(textArbitrary, denseSentencesArbitrary.map(textOf)),
    maxDims: fc.constantFrom(2, 3, Number.POSITIVE_INFINITY),
    minVolume: fc.integer({ min: 1, max: 3 }),
    codeLimit: fc.integer({ min: 20, max: 400 }),
  })
  .map(({ text, ...settings }) => walkText(text, settings))
  .filter(({ chunks }) => chunks.length > 0);

const sample = walkText(sampleText, { maxDims: 3, minVolume: 1, codeLimit: 3000 });
const sampleChunk = sample.chunks[5];

test("a chunk is read as it was written", () => {
  const property = fc.property(
    chunksArbitrary,
    fc.string({ unit: "binary" }),
    fc.nat(),
    ({ chunks }, origin, square) => {
      for (const chunk of chunks) {
        const changed = { ...chunk, start: { origin, second: "b", square } };
        expect(decodeChunk(encodeChunk(changed).slice(), "a chunk")).toEqual(changed);
      }
    },
  );
  fc.assert(property, { numRuns: 100 });
});

test("the head of a chunk tells what is in it", () => {
  const property = fc.property(chunksArbitrary, ({ chunks, text }) => {
    for (const chunk of chunks) {
      const lines = linesOfChunk(chunk, text);
      expect(chunk.orthos).toBe(lines.length);
      expect(chunk.shapes).toEqual(shapesOfLines(lines));
      expect(lines).toContain(`${chunk.optimal.dims.join("x")}\t${chunk.optimal.words.join(" ")}`);
    }
  });
  fc.assert(property, { numRuns: 100 });
});

test("every flipped bit and every truncation is noticed", async () => {
  const bytes = encodeChunk(sampleChunk).slice();
  for (let at = 0; at < bytes.length; at += 7) {
    const flipped = bytes.slice();
    flipped[at] ^= 1 << (at % 8);
    expect((await foldErrorOf(() => decodeChunk(flipped, "a chunk"))).code).toBe("corrupt");
    expect((await foldErrorOf(() => decodeChunk(bytes.subarray(0, at), "a chunk"))).code).toBe("corrupt");
  }
});

const lies: [what: string, lie: Partial<Chunk>][] = [
  ["more orthos than the code", { orthos: sampleChunk.orthos + 1 }],
  ["fewer orthos than the code", { orthos: sampleChunk.orthos - 1 }],
  ["another least volume", { minVolume: 2 }],
  ["code that stops early", { code: sampleChunk.code.subarray(0, sampleChunk.code.length - 1) }],
  ["code that goes on", { code: Buffer.concat([sampleChunk.code, Uint8Array.of(0)]) }],
  ["no code", { code: new Uint8Array(0) }],
  ["a shape of one dimension", { shapes: { 5: 1 } }],
  ["an axis of one", { shapes: { "1x3": 1 } }],
  ["an absurd optimal ortho", { optimal: { dims: Array(60).fill(1000), words: [] } }],
  ["an optimal ortho of too many axes", { optimal: { dims: Array(65).fill(2), words: [] } }],
];

test.each(lies)("a forged chunk with a right checksum is corrupt: %s", async (_, lie) => {
  const read = () =>
    visitOrthos(
      decodeChunk(encodeChunk({ ...sampleChunk, ...lie }).slice(), "a chunk"),
      "a chunk",
      sample.text,
      () => {},
    );
  expect((await foldErrorOf(read)).code).toBe("corrupt");
});

test("in format 1 a chunk has words of its own, which have to be words of the text", async () => {
  const archive = await Archive.open(join(import.meta.dir, "../fixtures/state-0.1.0/archives/tale.tar.zst"));
  const corpus = await archive.corpus();
  const { options } = archive.manifest;
  for await (const [{ path }, chunk] of archive.chunks()) {
    expect(new ChunkChecker(corpus, options).check(chunk, path, null)).toEqual([]);
    const [, ...others] = chunk.words ?? [];
    const doubled = { ...chunk, words: [others[0], ...others] };
    expect(new ChunkChecker(corpus, options).check(doubled, path, null)).toContain(`${path} lists a word twice`);
    const strange = { ...chunk, words: ["elsewhere", ...others] };
    const apart = corpusOfSentences(corpus.words.map((word) => [word]));
    const [first] = new ChunkChecker(apart, options).check(chunk, path, null);
    expect(first).toContain("has a line that no sentence holds");
    const problem = `${path} holds the word "elsewhere", which no sentence does`;
    expect(new ChunkChecker(corpus, options).check(strange, path, null)).toEqual([problem]);
  }
  archive.close();
});

// Squares are not listed, so what says the same again costs a few bytes and could cost a reader hours.
describe("what is said twice is refused", () => {
  const hub = walkText("a b. a c. b d. c d", { maxDims: 2, minVolume: 1, codeLimit: 1000 });
  // One gathering, b and c before d; section b with its one square, then c, whose square is not ordered.
  const gathering = [2, 0, 1, 0];
  const [first, second] = [
    [1, 0, 0, 0, 1],
    [1, 1, 0, 0, 1],
  ];
  const codeOf = (...parts: number[][]) => Uint8Array.from([1, 97, ...parts.flat(), 0]);
  const read = (code: Uint8Array) => visitOrthos({ ...hub.chunks[0], code }, "a chunk", hub.text, () => {});

  test("the code from which they are made is read, and is what fold writes", () => {
    expect([...codeOf(gathering, [0], first, second)]).toEqual([...hub.chunks[0].code]);
    read(hub.chunks[0].code);
  });

  test.each([
    ["a section without orthos", codeOf(gathering, [0], first, second, second)],
    ["a section with orthos", codeOf(gathering, [0], first, second, first)],
    ["a middle", codeOf([3, 0, 1, 1, 0], [0], first, second)],
  ])("%s", async (_, code) => {
    const error = await foldErrorOf(() => read(code));
    expect(error.message).toMatch(/counts other squares|lists a word twice/);
  });
});

// Checksums keep accidents out; this is about a forger who computes them. The reader of the tree code must end, with
// FoldError or with orthos, within memory that the code's length bounds.
test("forged tree code is refused or read, and nothing else happens", () => {
  const byte = fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 255 }));
  const edits = fc.array(fc.tuple(fc.nat(), byte, fc.constantFrom("put", "insert", "remove")), {
    minLength: 1,
    maxLength: 4,
  });
  const random = fc.array(byte, { maxLength: 60 }).map((bytes) => Uint8Array.from(bytes));
  const damaged = fc
    .tuple(chunksArbitrary, edits)
    .map(([{ chunks, text }, changes]) => ({ code: edited(chunks[0].code, changes), text }));
  const invented = random.map((code) => ({ code, text: sample.text }));
  const forged = fc.record({
    source: fc.oneof(damaged, invented),
    minVolume: fc.integer({ min: 1, max: 3 }),
    own: fc.constantFrom([], [{ words: ["a", "b", "c", "d", "e"] }]), // format 1 has words of its own
  });
  const property = fc.property(forged, ({ source: { code, text }, minVolume, own }) => {
    const chunk: Chunk = { ...sampleChunk, ...own[0], minVolume, code };
    const words = text.wordsOf(chunk);
    try {
      let visited = 0;
      visitOrthos(chunk, "a chunk", text, (dims, ids, cells) => {
        expect(cells).toBe(dims.reduce((product, n) => product * n, 1));
        expect(Math.max(...ids.subarray(0, cells))).toBeLessThan(words.length);
        expect(++visited).toBeLessThan(100_000);
      });
    } catch (error) {
      if (!(error instanceof FoldError && error.code === "corrupt")) throw error;
    }
  });
  fc.assert(property, { numRuns: 3000 });
});

function edited(code: Uint8Array, changes: readonly [at: number, byte: number, kind: string][]): Uint8Array {
  const bytes = [...code];
  for (const [at, byte, kind] of changes) {
    const place = at % (bytes.length + 1);
    if (kind === "insert") bytes.splice(place, 0, byte);
    else if (kind === "remove") bytes.splice(place, 1);
    else bytes[place] = byte;
  }
  return Uint8Array.from(bytes);
}
