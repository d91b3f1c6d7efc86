// The set of sentences of a text: the same whatever it was put together from, and in whatever order.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { CorpusBuilder, corpusOfText } from "../../src/core/corpus.ts";
import { sentencesOf } from "../support/brute-force.ts";
import { corpusOfSentences, sentencesOfCorpus } from "../support/corpora.ts";
import { textArbitrary } from "../support/texts.ts";

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

test("a corpus holds each sentence once, its words in the order of their bytes", () => {
  const property = fc.property(textArbitrary, (text) => {
    const { corpus, counts } = corpusOfText(text);
    const expected = sentencesOf(text);
    const distinct = new Set(expected.map((words) => words.join(" ")));
    expect(new Set(sentencesOfCorpus(corpus).map((words) => words.join(" ")))).toEqual(distinct);
    expect(corpus.starts.length - 1).toBe(distinct.size);
    expect(corpus.starts.at(-1)).toBe(corpus.tokens.length);
    expect(corpus.words).toEqual([...new Set(expected.flat())].sort(byBytes));
    // Repeats do count here: this is what a user's text holds.
    expect(counts).toEqual({ sentences: expected.length, tokens: expected.flat().length });
  });
  fc.assert(property, { numRuns: 300 });
});

test("the order of the sentences never shows", () => {
  const shuffles = textArbitrary.chain((text) => {
    const sentences = sentencesOf(text);
    return fc.tuple(
      fc.constant(sentences),
      fc.shuffledSubarray([...sentences, ...sentences], { minLength: sentences.length * 2 }),
    );
  });
  const property = fc.property(shuffles, ([sentences, shuffled]) => {
    expect(corpusOfSentences(shuffled)).toEqual(corpusOfSentences(sentences));
  });
  fc.assert(property, { numRuns: 300 });
});

test("a union is what both texts together give, in either order, and with itself nothing new", () => {
  const property = fc.property(textArbitrary, textArbitrary, (a, b) => {
    const both = new CorpusBuilder().addText(a).addText(b).build();
    const [first, second] = [corpusOfText(a).corpus, corpusOfText(b).corpus];
    expect(new CorpusBuilder().addCorpus(first).addCorpus(second).build()).toEqual(both);
    expect(new CorpusBuilder().addCorpus(second).addCorpus(first).build()).toEqual(both);
    expect(new CorpusBuilder().addCorpus(both).addCorpus(first).build()).toEqual(both);
  });
  fc.assert(property, { numRuns: 300 });
});
