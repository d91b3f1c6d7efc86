// One sentence of 200,000 words: the index stays linear in it, whatever it repeats.
import { expect, test } from "bun:test";
import { PhraseIndex } from "../../src/core/phrase-index.ts";
import { planTasks } from "../../src/core/plan.ts";
import { bytesOfIndex, corpusOfSentences, letters } from "../support/corpora.ts";
import { randomNumbers } from "../support/random.ts";
import { walkTasks } from "../support/walks.ts";

const LENGTH = 200_000;
const random = randomNumbers(1);

const sentences: Record<string, () => string[]> = {
  "50 words at random": () => Array.from({ length: LENGTH }, () => letters(Math.floor(50 * random()))),
  "one word": () => Array.from({ length: LENGTH }, () => "a"),
  "two words in turn": () => Array.from({ length: LENGTH }, (_, i) => letters(i % 2)),
  "a verse of 1,000 words": () => Array.from({ length: LENGTH }, (_, i) => letters(i % 1000)),
  "a Fibonacci word": () => {
    let [short, long] = ["a", "ab"];
    while (long.length < LENGTH) [short, long] = [long, long + short];
    return [...long.slice(0, LENGTH)];
  },
};

function indexOf(sentence: string[]) {
  const corpus = corpusOfSentences([sentence]);
  return { corpus, index: PhraseIndex.build(corpus) };
}

test.each(Object.entries(sentences))("its index is linear: %s", (_, sentence) => {
  const words = sentence();
  const { corpus, index } = indexOf(words);
  expect(index.word.length).toBeLessThanOrEqual(5 * LENGTH + 1);
  expect(bytesOfIndex(index)).toBeLessThanOrEqual(400 * LENGTH);
  // Read from its start the whole sentence is a phrase; and no sentence goes on behind its end.
  let node = corpus.tokens[0];
  for (let i = 1; i < LENGTH && node >= 0; i++) node = index.step(node, i, corpus.tokens[i]);
  expect(node).toBeGreaterThanOrEqual(0);
  expect(index.continuations(node, LENGTH)).toBe(0);
});

test("a word that follows only itself makes no ortho", () => {
  const { corpus, index } = indexOf(sentences["one word"]());
  const tasks = planTasks(index, corpus.words, Number.POSITIVE_INFINITY);
  expect(
    walkTasks(corpus, index, { maxDims: Number.POSITIVE_INFINITY, minVolume: 1, codeLimit: 1 << 20 }, tasks).orthos,
  ).toBe(0);
});
