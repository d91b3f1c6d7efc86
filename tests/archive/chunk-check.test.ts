// The check of a chunk against the sentences: one forged chunk for each thing that it can find.
import { expect, test } from "bun:test";
import { type Chunk, type ChunkPlace, decodeChunk, encodeChunk } from "../../src/archive/chunk.ts";
import type { FoldOptions } from "../../src/archive/manifest.ts";
import { ChunkChecker } from "../../src/archive/verify-chunk.ts";
import { corpusOfText } from "../../src/core/corpus.ts";

/** A text, tree code, and what else there is to say of a chunk: by default the head of a single square at its place. */
interface Forgery {
  readonly text: string;
  readonly code: readonly number[];
  readonly head?: Partial<Chunk>;
  readonly options?: Partial<FoldOptions>;
  readonly next?: ChunkPlace;
}

const square = "a b. a c. b d. c d";
const cube = "a b. c d. e f. g h. a c. b d. e g. f h. a e. b f. c g. d h";
const [a, b] = [97, 98];
/** Origin, wedges a-b-d and a-c-d, section b with its only square, nothing below it. */
const squareCode = [1, a, 2, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0];
/** The squares b-c, b-e and c-e, and below the first of them the cube. */
const cubeCode = [
  ...[1, a, 2, 0, 1, 0, 2, 0, 2, 1, 2, 1, 2, 1, 0],
  ...[1, 0, 0, 4, 17, 0, 1, 0, 0, 2],
  ...[1, 1, 0, 0, 2, 0],
];
const cubeWords = "a b c d e f g h".split(" ");
const cubeHead = { orthos: 4, shapes: { "2x2": 3, "2x2x2": 1 }, optimal: { dims: [2, 2, 2], words: cubeWords } };

function problemsOf({ text, code, head, options, next }: Forgery): string[] {
  const chunk = {
    ...{ orthos: 1, minVolume: 1, shapes: { "2x2": 1 }, optimal: { dims: [2, 2], words: ["a", "b", "c", "d"] } },
    ...{ start: { origin: "a", second: "b", square: 0 }, code: Uint8Array.from(code) },
    ...head,
  };
  const checker = new ChunkChecker(corpusOfText(text).corpus, {
    ...{ max_dims: null, min_volume: 1, shard: null },
    ...options,
  });
  return checker.check(decodeChunk(encodeChunk(chunk).slice(), "it"), "it", next ?? null);
}

const placeOf = (origin: string, second: string): ChunkPlace => ({ origin, second, square: 0 });

test("what the forgeries are made from is sound", () => {
  expect(problemsOf({ text: square, code: squareCode })).toEqual([]);
  expect(problemsOf({ text: square, code: squareCode, next: placeOf("a", "c") })).toEqual([]);
  expect(problemsOf({ text: cube, code: cubeCode, head: cubeHead, options: { max_dims: 3 } })).toEqual([]);
});

const longRows = "a b c. d e f. a d. b e. c f. a b e. a b g";
/** The square a b d e, and below it 2x3 with the word of a number at the end of the upper row. */
const longRowsCode = (last: number) => [1, a, 2, 0, 1, 1, 0, 1, 0, 0, 1, 1, last * 4 + 1, 0, 1, 0];
const longRowsHead = (last: string) => ({
  orthos: 2,
  shapes: { "2x2": 1, "2x3": 1 },
  optimal: { dims: [2, 3], words: ["a", "b", last, "d", "e", "f"] },
});

const forgeries: [problem: string, forgery: Forgery][] = [
  ['2x2 "a b c d" has less volume than 2', { text: square, code: squareCode, options: { min_volume: 2 } }],
  [
    '2x2x2 "a b c d e f g h" has more than 2 dimensions',
    { text: cube, code: cubeCode, head: cubeHead, options: { max_dims: 2 } },
  ],
  // The line f after c is the context of no cell, so the tree code can be read without it.
  [
    '2x3 "a b g d e f" has a line that no sentence holds',
    { text: longRows, code: longRowsCode(2), head: longRowsHead("g") },
  ],
  [
    '2x3 "a b e d e f" has a word twice at the same distance from the origin',
    { text: longRows, code: longRowsCode(1), head: longRowsHead("e") },
  ],
  [
    '2x2 "a c b d" is not in canonical form',
    {
      text: square,
      code: [1, a, 2, 1, 0, 0, 0, 1, 1, 0, 0, 1, 0],
      head: { optimal: { dims: [2, 2], words: ["a", "c", "b", "d"] }, start: placeOf("a", "c") },
    },
  ],
  [
    '2x2 "a b c d" belongs in another chunk',
    { text: square, code: squareCode, head: { start: placeOf("a", "c") }, next: placeOf("b", "d") },
  ],
  [
    '2x2 "a b c d" belongs in another chunk',
    { text: square, code: squareCode, head: { start: placeOf("a", "a") }, next: placeOf("a", "a") },
  ],
  [
    '2x2 "a b c d" is there twice',
    {
      text: square,
      code: [1, a, 2, 0, 1, 0, 2, 0, 1, 0, 0, 1, 0, 0, 0, 2, 0],
      head: { orthos: 2, shapes: { "2x2": 2 } },
    },
  ],
];

test.each(forgeries)("an ortho that is wrong: %s", (problem, forgery) => {
  expect(problemsOf(forgery)).toEqual([`it: ${problem}`]);
});

test("of many wrong orthos three are told, and how many there are", () => {
  const problems = problemsOf({ text: cube, code: cubeCode, head: cubeHead, options: { min_volume: 2 } });
  expect(problems.map((problem) => problem.slice(0, 19))).toEqual([
    'it: 2x2 "a b c d" h',
    'it: 2x2x2 "a b c d ',
    'it: 2x2 "a b e f" h',
    "it: 4 orthos are wr",
  ]);
});

const impossible: [problem: string, forgery: Forgery][] = [
  [
    "the tree code holds a line that is no phrase of the text",
    // A wedge a-c-d where no d follows c: the square is one, and something grows from it.
    { text: "a b. a c. b d. c e", code: [1, a, 2, 0, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0], head: { orthos: 2 } },
  ],
  [
    "the tree code names a word that never follows its line",
    { text: square, code: [1, a, 2, 0, 2, 0, 0, 1, 0, 0, 0, 1, 0] },
  ],
  ["the tree code spells a word that the text does not hold", { text: square, code: squareCode.with(1, b + 20) }],
  ["the tree code grows a box out of its order", { text: square, code: [1, a, 2, 0, 1, 0, 0, 1, 0, 0, 2, 0, 1, 0] }],
  ["it holds more than the 1 orthos that its head says", { text: cube, code: cubeCode }],
  ["it holds 1 orthos where its head says 2", { text: square, code: squareCode, head: { orthos: 2 } }],
];

test.each(impossible)("tree code that cannot be read: %s", (problem, forgery) => {
  expect(problemsOf(forgery).at(-1)).toBe(problem);
});

const wrongHeads: [problem: string, head: Partial<Chunk>][] = [
  ["counts its orthos by shape wrongly", { shapes: { "2x3": 1 } }],
  ["names an optimal ortho that is not its best", { optimal: { dims: [2, 2], words: ["a", "b", "c", "c"] } }],
];

test.each(wrongHeads)("a head that is wrong: %s", (problem, head) => {
  expect(problemsOf({ text: square, code: squareCode, head })).toEqual([`it ${problem}`]);
});
