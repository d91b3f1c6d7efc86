// Result chunks: what is written is read, and what was damaged or forged is refused.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Chunk, decodeChunk, encodeChunk, visitOrthos } from "../../src/archive/chunk.ts";
import { FoldError } from "../../src/errors.ts";
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
  .map(({ text, ...settings }) => walkText(text, settings).chunks)
  .filter((chunks) => chunks.length > 0);

const sampleChunk = walkText(sampleText, { maxDims: 3, minVolume: 1, codeLimit: 3000 }).chunks[5];

test("a chunk is read as it was written", () => {
  const property = fc.property(chunksArbitrary, fc.string({ unit: "binary" }), fc.nat(), (chunks, origin, square) => {
    for (const chunk of chunks) {
      const changed = { ...chunk, start: { origin, second: "b", square } };
      expect(decodeChunk(encodeChunk(changed).slice(), "a chunk")).toEqual(changed);
    }
  });
  fc.assert(property, { numRuns: 100 });
});

test("the head of a chunk tells what is in it", () => {
  const property = fc.property(chunksArbitrary, (chunks) => {
    for (const chunk of chunks) {
      const lines = linesOfChunk(chunk);
      expect(chunk.orthos).toBe(lines.length);
      expect(chunk.shapes).toEqual(shapesOfLines(lines));
      expect(lines).toContain(`${chunk.optimal.dims.join("x")}\t${chunk.optimal.words.join(" ")}`);
      expect(new Set(chunk.words).size).toBe(chunk.words.length);
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
  ["a list that lacks its last word", { words: sampleChunk.words.slice(0, -1) }],
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
    visitOrthos(decodeChunk(encodeChunk({ ...sampleChunk, ...lie }).slice(), "a chunk"), "a chunk", () => {});
  expect((await foldErrorOf(read)).code).toBe("corrupt");
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
  const damaged = fc.tuple(chunksArbitrary, edits).map(([chunks, changes]) => edited(chunks[0].code, changes));
  const words = ["a", "b", "c", "d", "e"];
  const property = fc.property(fc.oneof(damaged, random), fc.integer({ min: 1, max: 3 }), (code, minVolume) => {
    try {
      let visited = 0;
      visitOrthos({ ...sampleChunk, words, minVolume, code }, "a chunk", (dims, ids, cells) => {
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
