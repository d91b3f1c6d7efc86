// Corpora for tests: from random texts, and large ones that the same seed makes again.

import fc from "fast-check";
import { type Corpus, CorpusBuilder, corpusOfText } from "../../src/core/corpus.ts";
import type { PhraseIndex } from "../../src/core/phrase-index.ts";
import { randomNumbers } from "./random.ts";
import { denseSentencesArbitrary, textArbitrary, textOf } from "./texts.ts";

/** Random small corpora, of odd texts and of texts with boxes. */
export const corpusArbitrary: fc.Arbitrary<Corpus> = fc
  .oneof(textArbitrary, denseSentencesArbitrary.map(textOf))
  .map((text) => corpusOfText(text).corpus);

/** The sentences of a corpus as lists of words, in its order. */
export function sentencesOfCorpus({ words, tokens, starts }: Corpus): string[][] {
  return Array.from(starts.subarray(0, -1), (start, i) =>
    Array.from(tokens.subarray(start, starts[i + 1]), (id) => words[id]),
  );
}

/** The corpus of sentences, added in their order. */
export function corpusOfSentences(sentences: readonly (readonly string[])[]): Corpus {
  const builder = new CorpusBuilder();
  for (const sentence of sentences) builder.addSentence(sentence);
  return builder.build();
}

/** A word for a number: letters only. */
export function letters(number: number): string {
  return number.toString(26).replace(/./g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 26)));
}

/** Sentences of 3 to 12 words in which a few words are in every second place, as in any language. */
export function unevenSentences(count: number, vocabulary: number, seed: number): string[][] {
  const random = randomNumbers(seed);
  const word = () => letters(Math.floor(vocabulary ** random()) - 1);
  return Array.from({ length: count }, () => Array.from({ length: 3 + Math.floor(10 * random()) }, word));
}

/** Bytes of all arrays of an index. */
export function bytesOfIndex({ arrays: { vocabulary: _number, ...arrays } }: PhraseIndex): number {
  return Object.values(arrays).reduce((sum, array) => sum + array.byteLength, 0);
}
