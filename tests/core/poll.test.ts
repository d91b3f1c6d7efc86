// A walk can be stopped: it asks often enough, on every kind of text, whether it is to go on.
import { expect, test } from "bun:test";
import { ChunkWalk } from "../../src/core/chunk-walk.ts";
import { PhraseIndex } from "../../src/core/phrase-index.ts";
import { corpusOfSentences, letters, unevenSentences } from "../support/corpora.ts";

/** About a tenth of a second of walking. */
const MOST_ORTHOS_BETWEEN_POLLS = 300_000;

/** Two long lines in which each word of one stands above a word of the other. */
function parallelLines(length: number): string[][] {
  const line = (name: string) => Array.from({ length }, (_, i) => `${name}${letters(i)}`);
  const [upper, lower] = [line("x"), line("y")];
  return [upper, lower, ...upper.map((word, i) => [word, lower[i]])];
}

const texts: Record<string, string[][]> = {
  "many squares": unevenSentences(600, 400, 3),
  "long pairs of rows": parallelLines(2000),
};

test.each(Object.entries(texts))("a walk asks before long whether to go on: %s", (_, sentences) => {
  const corpus = corpusOfSentences(sentences);
  const index = PhraseIndex.build(corpus);
  let longest = 0;
  let last = 0;
  const ask = () => {
    longest = Math.max(longest, walk.orthos - last);
    last = walk.orthos;
  };
  const { words } = corpus;
  const options = { maxDims: 2, minVolume: 1, writes: false, words, codeLimit: 1 << 30, poll: ask };
  const walk: ChunkWalk = new ChunkWalk(index, options);
  const start = index.vocabulary;
  walk.next({ from: start, to: index.first[start], weight: 1 }, { node: start, square: 0 });
  ask();
  expect(walk.orthos).toBeGreaterThan(MOST_ORTHOS_BETWEEN_POLLS);
  expect(longest).toBeLessThan(MOST_ORTHOS_BETWEEN_POLLS);
});

test("what the question throws comes out of the walk", () => {
  const corpus = corpusOfSentences(texts["many squares"]);
  const index = PhraseIndex.build(corpus);
  const stopped = new Error("stopped");
  const poll = () => {
    throw stopped;
  };
  const { words } = corpus;
  const walk = new ChunkWalk(index, { maxDims: 2, minVolume: 1, writes: true, words, codeLimit: 1 << 30, poll });
  const start = index.vocabulary;
  const task = { from: start, to: index.first[start], weight: 1 };
  expect(() => walk.next(task, { node: start, square: 0 })).toThrow(stopped);
});
