// The plan: how the walk is cut into tasks and dealt to shards.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Corpus, corpusOfText } from "../../src/core/corpus.ts";
import { PhraseIndex } from "../../src/core/phrase-index.ts";
import { planTasks, type Task, tasksOfShard } from "../../src/core/plan.ts";
import { corpusArbitrary, corpusOfSentences, sentencesOfCorpus, unevenSentences } from "../support/corpora.ts";
import { expectedOf } from "../support/expected.ts";
import { denseSentencesArbitrary, textArbitrary, textOf } from "../support/texts.ts";
import { sortedLines, walkTasks } from "../support/walks.ts";

const uneven = corpusOfSentences(unevenSentences(3000, 400, 7));
const unevenIndex = PhraseIndex.build(uneven);

function planOf(corpus: Corpus, maxDims = 2): Task[] {
  return planTasks(PhraseIndex.build(corpus), corpus.words, maxDims);
}

/** The nodes of all sections `a b` in which at least one square `a b / c d` stands. */
function sectionsWithSquares(index: PhraseIndex): number[] {
  const { first, word, vocabulary } = index;
  const nodes: number[] = [];
  const middles = new Map<number, number>();
  for (let a = 0; a < vocabulary; a++) {
    const wedges: [section: number, end: number][] = [];
    middles.clear();
    for (let ab = first[a]; ab < first[a + 1]; ab++) {
      for (let bd = first[word[ab]]; bd < first[word[ab] + 1]; bd++) {
        wedges.push([ab, word[bd]]);
        middles.set(word[bd], (middles.get(word[bd]) ?? 0) + 1);
      }
    }
    for (const [ab, d] of wedges) if ((middles.get(d) ?? 0) > 1 && nodes.at(-1) !== ab) nodes.push(ab);
  }
  return nodes;
}

function checkPlan(index: PhraseIndex, tasks: readonly Task[]): void {
  let end = index.vocabulary;
  for (const { from, to, weight } of tasks) {
    expect(from).toBeGreaterThanOrEqual(end);
    expect(to).toBeGreaterThan(from);
    expect(weight).toBeGreaterThan(0);
    end = to;
  }
  expect(end).toBeLessThanOrEqual(index.first[index.vocabulary] ?? 0);
  const outside = sectionsWithSquares(index).filter((node) => !tasks.some(({ from, to }) => from <= node && node < to));
  expect(outside).toEqual([]);
}

test.each([2, 3])("tasks follow one another and leave out no square (up to %d dimensions)", (maxDims) => {
  const property = fc.property(
    corpusArbitrary.filter((corpus) => corpus.words.length > 0),
    (corpus) => {
      const index = PhraseIndex.build(corpus);
      checkPlan(index, planTasks(index, corpus.words, maxDims));
    },
  );
  fc.assert(property, { numRuns: 200 });
  checkPlan(unevenIndex, planTasks(unevenIndex, uneven.words, maxDims));
});

test("there are tasks enough for many threads, none of them most of the work", () => {
  const tasks = planTasks(unevenIndex, uneven.words, 2);
  const weights = tasks.map(({ weight }) => weight);
  expect(tasks.length).toBeGreaterThan(100);
  expect(Math.max(...weights)).toBeLessThan(weights.reduce((sum, weight) => sum + weight, 0) / 20);
});

test("the plan does not depend on the order of the sentences", () => {
  const shuffled = sentencesOfCorpus(uneven).reverse();
  expect(planOf(corpusOfSentences([...shuffled.slice(500), ...shuffled.slice(0, 600)]))).toEqual(planOf(uneven));
});

test("every task is in exactly one shard, and shards are in the order of the walk", () => {
  const taskArbitrary = fc.integer({ min: 1, max: 1000 }).map((weight) => ({ from: 0, to: 1, weight }));
  const property = fc.property(
    fc.array(taskArbitrary, { maxLength: 60 }),
    fc.integer({ min: 1, max: 40 }),
    (tasks, count) => {
      const shards = Array.from({ length: count }, (_, i) => tasksOfShard(tasks, i + 1, count));
      for (const shard of shards) expect(shard).toEqual(shard.toSorted((a, b) => a - b));
      expect(shards.flat().sort((a, b) => a - b)).toEqual([...tasks.keys()]);
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test.each([2, 8, 20])("%d shards weigh about the same", (count) => {
  const tasks = planTasks(unevenIndex, uneven.words, 2);
  const weightOf = (numbers: number[]) => numbers.reduce((sum, number) => sum + tasks[number].weight, 0);
  const weights = Array.from({ length: count }, (_, i) => weightOf(tasksOfShard(tasks, i + 1, count)));
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / count;
  expect(Math.max(...weights)).toBeLessThan(1.1 * mean);
});

// Tasks of small texts are few: here each section is one of its own, as if it were heavy.
test("the orthos of shards are disjoint and together all, however tasks are cut", () => {
  const text = fc.oneof(textArbitrary, denseSentencesArbitrary.map(textOf));
  const property = fc.property(
    text,
    fc.integer({ min: 1, max: 5 }),
    fc.constantFrom(2, 3),
    (source, count, maxDims) => {
      const corpus = corpusOfText(source).corpus;
      const index = PhraseIndex.build(corpus);
      const end = index.first[index.vocabulary] ?? 0;
      const tasks = Array.from({ length: end - index.vocabulary }, (_, i) => {
        return { from: index.vocabulary + i, to: index.vocabulary + i + 1, weight: 1 + ((i * 7) % 5) };
      });
      const settings = { maxDims, minVolume: 1, codeLimit: 1 << 20 };
      const lines = Array.from({ length: count }, (_, i) => {
        const mine = tasksOfShard(tasks, i + 1, count).map((number) => tasks[number]);
        return walkTasks(corpus, index, settings, mine).lines;
      });
      expect(sortedLines(lines.flat())).toEqual([...expectedOf(source, maxDims).lines]);
    },
  );
  fc.assert(property, { numRuns: 150 });
});
