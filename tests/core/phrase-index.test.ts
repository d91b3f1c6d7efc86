// The phrase index against the plain set of all phrases.
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Corpus } from "../../src/core/corpus.ts";
import { PhraseIndex } from "../../src/core/phrase-index.ts";
import { bytesOfIndex, corpusArbitrary, corpusOfSentences } from "../support/corpora.ts";

/** Each phrase, as ids joined by spaces, to the words that follow it. */
function naivePhrases({ tokens, starts }: Corpus): Map<string, Set<number>> {
  const phrases = new Map<string, Set<number>>();
  for (let i = 0; i + 1 < starts.length; i++) {
    for (let from = starts[i]; from < starts[i + 1]; from++) {
      for (let to = from + 1; to <= starts[i + 1]; to++) {
        const phrase = tokens.subarray(from, to).join(" ");
        const followers = phrases.get(phrase) ?? new Set();
        if (to < starts[i + 1]) followers.add(tokens[to]);
        phrases.set(phrase, followers);
      }
    }
  }
  return phrases;
}

function nodeOf(index: PhraseIndex, phrase: readonly number[]): number {
  let node = phrase[0];
  for (let length = 1; length < phrase.length; length++) node = index.step(node, length, phrase[length]);
  return node;
}

function checkPhrases(corpus: Corpus): void {
  const index = PhraseIndex.build(corpus);
  for (const [name, followers] of naivePhrases(corpus)) {
    const phrase = name.split(" ").map(Number);
    const node = nodeOf(index, phrase);
    expect(index.continuations(node, phrase.length)).toBe(followers.size);
    // Up to three words a phrase has a node to itself, where no edge of several words has to be looked at.
    if (phrase.length <= 3) expect(index.depth[node]).toBe(phrase.length);
    for (let next = 0; next < corpus.words.length; next++) {
      expect(index.step(node, phrase.length, next) >= 0).toBe(followers.has(next));
    }
  }
  for (let a = 0; a < index.vocabulary; a++) {
    for (let b = 0; b < index.vocabulary; b++) expect(index.bigram(a, b)).toBe(index.step(a, 1, b));
  }
}

/** Children lie side by side, sorted by word, level after level, and every node but the words is someone's child. */
function checkNumbering(index: PhraseIndex): void {
  const { first, word, depth, vocabulary } = index;
  const nodes = word.length;
  expect(first.length).toBe(nodes + 1);
  for (let id = 0; id < vocabulary; id++) expect(word[id]).toBe(id);
  if (nodes > 0) expect([first[0], first[nodes]]).toEqual([vocabulary, nodes]);
  let ascends = true;
  for (let node = 0; node < nodes; node++) {
    ascends &&= first[node] <= first[node + 1] && first[node] > node;
    for (let child = first[node]; child < first[node + 1]; child++) {
      ascends &&= depth[child] > depth[node] && (child === first[node] || word[child] > word[child - 1]);
    }
  }
  expect(ascends).toBe(true);
}

function checkSize(index: PhraseIndex, tokens: number): void {
  expect(index.word.length).toBeLessThanOrEqual(5 * tokens + 1);
  expect(bytesOfIndex(index)).toBeLessThanOrEqual(400 * tokens + 10_000);
}

test("every phrase is found with what follows it, and nothing else", () => {
  fc.assert(fc.property(corpusArbitrary, checkPhrases), { numRuns: 150 });
});

test("children are numbered side by side and in order", () => {
  const property = fc.property(corpusArbitrary, (corpus) => {
    const index = PhraseIndex.build(corpus);
    checkNumbering(index);
    checkSize(index, corpus.tokens.length);
  });
  fc.assert(property, { numRuns: 300 });
});

test("a text without sentences has an index without nodes", () => {
  expect(PhraseIndex.build(corpusOfSentences([])).word).toHaveLength(0);
});
