import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeInterner, encodeInterner } from "../../src/archive/interner.ts";
import { FoldError } from "../../src/errors.ts";
import { corpusArbitrary, corpusOfSentences } from "../support/corpora.ts";
import { foldErrorOf } from "../support/folds.ts";

test("a corpus is read as it was written", () => {
  const property = fc.property(corpusArbitrary, (corpus) => {
    expect(decodeInterner(encodeInterner(corpus).slice())).toEqual(corpus);
  });
  fc.assert(property, { numRuns: 300 });
});

test("an empty corpus is one, too", () => {
  expect(decodeInterner(encodeInterner(corpusOfSentences([])).slice()).words).toEqual([]);
});

const magic = [..."FOLDI1"].map((letter) => letter.charCodeAt(0));
const lies: [what: string, bytes: number[]][] = [
  ["nothing", []],
  ["another magic", [...Buffer.from("FOLDI9"), 0, 0]],
  ["a word list larger than memory", [...magic, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f]],
  ["more sentences than bytes", [...magic, 1, 1, 97, 0xff, 0xff, 0xff, 0x7f]],
  ["a word that is not in the list", [...magic, 1, 1, 97, 1, 1, 1]],
  ["the same word twice", [...magic, 2, 1, 97, 1, 97, 0]],
  ["words out of order", [...magic, 2, 1, 98, 1, 97, 0]],
  ["an empty word", [...magic, 1, 0, 0]],
  ["a word with a space", [...magic, 1, 3, 97, 32, 98, 0]],
  ["a word with a line feed", [...magic, 1, 3, 97, 10, 98, 0]],
  ["a word with a space of two bytes", [...magic, 1, 3, 97, 0xc2, 0xa0, 0]],
  ["a word that speaks to terminals", [...magic, 1, 2, 97, 27, 0]],
  ["an empty sentence", [...magic, 1, 1, 97, 1, 0]],
  ["bytes behind the end", [...magic, 0, 0, 0]],
];

test.each(lies)("corrupt: %s", async (_, bytes) => {
  expect((await foldErrorOf(() => decodeInterner(Uint8Array.from(bytes)))).code).toBe("corrupt");
});

test("any damage gives another corpus or an error, never anything else", () => {
  const damage = fc.record({
    corpus: corpusArbitrary,
    at: fc.nat(),
    byte: fc.integer({ min: 0, max: 255 }),
    keep: fc.boolean(),
  });
  const property = fc.property(damage, ({ corpus, at, byte, keep }) => {
    const bytes = encodeInterner(corpus).slice();
    const place = at % bytes.length;
    bytes[place] = byte;
    try {
      decodeInterner(keep ? bytes : bytes.subarray(0, place));
    } catch (error) {
      if (!(error instanceof FoldError && error.code === "corrupt")) throw error;
    }
  });
  fc.assert(property, { numRuns: 1000 });
});
