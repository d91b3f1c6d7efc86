import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareNumbers } from "../../src/core/compare.ts";
import type { Corpus } from "../../src/core/corpus.ts";
import { sortSuffixes } from "../../src/core/suffix-order.ts";
import { corpusArbitrary, corpusOfSentences } from "../support/corpora.ts";

/** Every suffix of every sentence, as its words, sorted in the plainest way. */
function naiveSuffixes({ tokens, starts }: Corpus): number[][] {
  const suffixes: number[][] = [];
  for (let i = 0; i + 1 < starts.length; i++) {
    for (let at = starts[i]; at < starts[i + 1]; at++) suffixes.push([...tokens.subarray(at, starts[i + 1])]);
  }
  return suffixes.sort(compareNumbers);
}

function sharedWords(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((word, i) => word !== b[i]);
  return differs < 0 ? a.length : differs;
}

function checkOrder(corpus: Corpus): void {
  const { start, shared, room } = sortSuffixes(corpus.tokens, corpus.starts, corpus.words.length);
  const expected = naiveSuffixes(corpus);
  const found = Array.from(start, (at) => [...corpus.tokens.subarray(at, at + room[at])]);
  expect(found).toEqual(expected);
  expect(new Set(start).size).toBe(corpus.tokens.length);
  const lengths = expected.map((suffix, i) => (i === 0 ? 0 : sharedWords(expected[i - 1], suffix)));
  expect([...shared]).toEqual(lengths);
}

test("suffixes are sorted, and what neighbours share is known", () => {
  fc.assert(fc.property(corpusArbitrary, checkOrder), { numRuns: 300 });
});

// Long repeats: the doubling has to go on to the end, also over sentences that are the end of others.
test("long repeats and sentences that end others", () => {
  const repeat = fc.record({
    unit: fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 3 }),
    times: fc.integer({ min: 1, max: 30 }),
  });
  const property = fc.property(fc.array(repeat, { minLength: 1, maxLength: 4 }), (repeats) => {
    checkOrder(corpusOfSentences(repeats.map(({ unit, times }) => Array.from({ length: times }, () => unit).flat())));
  });
  fc.assert(property, { numRuns: 200 });
});
