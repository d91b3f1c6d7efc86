// The estimate of a sample against the walk of the whole. Seeded: the same rounds give the same figures on every machine.
import { expect, test } from "bun:test";
import { corpusOfText } from "../../src/core/corpus.ts";
import { estimateOrthos } from "../../src/core/estimate.ts";
import { PhraseIndex } from "../../src/core/phrase-index.ts";
import { randomNumbers } from "../support/random.ts";
import { halfOfSample, longerSample, sampleText } from "../support/sample.ts";
import { walkText } from "../support/walks.ts";

interface Options {
  readonly minVolume?: number;
  readonly mostKeptWords?: number;
  /** Every look at the clock takes a millisecond: then only a share of the boxes can be grown in a round. */
  readonly isSlow?: boolean;
}

function estimateOf(text: string, maxDims: number, rounds: number, options: Options = {}) {
  const { minVolume = 1, mostKeptWords, isSlow = false } = options;
  let left = rounds;
  let ticks = 0;
  const index = PhraseIndex.build(corpusOfText(text).corpus);
  return estimateOrthos(index, {
    maxDims,
    minVolume,
    random: randomNumbers(1),
    now: () => (isSlow ? ticks++ : 0),
    isTimeUp: () => --left <= 0,
    round_ms: 1_000,
    poll: () => {},
    mostKeptWords,
  });
}

test("a small text is walked as a whole, if it holds two dimensions only", () => {
  const { orthos, shapes } = walkText(sampleText, { maxDims: 2, minVolume: 2, codeLimit: null });
  expect(estimateOf(sampleText, 2, 1, { minVolume: 2 })).toEqual({ orthos, shapes, walk_ms: 0, isExact: true });
});

test("a text without phrases", () => {
  expect(estimateOf("one", 3, 1)).toEqual({ orthos: 0, shapes: {}, walk_ms: 0, isExact: true });
});

test("a section that every round meets with more than once counts once", () => {
  const cube = "a b. c d. e f. g h. a c. b d. e g. f h. a e. b f. c g. d h";
  const { orthos, shapes } = walkText(cube, { maxDims: 3, minVolume: 1, codeLimit: null });
  expect(estimateOf(cube, 3, 1)).toMatchObject({ orthos, shapes, isExact: false });
});

// With 0 and 8 not all siblings are kept, from which the one is drawn.
test.each([undefined, 0, 8])(
  "what grows from the one child that is followed counts for what might grow from its siblings (%p)",
  (kept) => {
    const corners = Array.from({ length: 16 }, (_, corner) => corner);
    const edges = corners.flatMap((from) => [1, 2, 4, 8].map((bit) => [from, from | bit]).filter(([a, b]) => a !== b));
    const text = edges.map((edge) => edge.map((corner) => "abcdefghijklmnop"[corner]).join(" ")).join(". ");
    const { shapes } = walkText(text, { maxDims: 4, minVolume: 1, codeLimit: null });
    expect(shapes["2x2x2x2"]).toBe(1);
    const estimate = estimateOf(text, 4, 2000, kept === undefined ? {} : { mostKeptWords: kept });
    expect(Math.abs(estimate.shapes["2x2x2x2"] - 1)).toBeLessThan(0.1);
    expect(estimate.shapes["2x2x2"]).toBe(shapes["2x2x2"]);
  },
);

// Sections that are walked in part, by strides; and boxes, of which one child is followed in the name of all. With six seeds
// that were tried the mean of so many rounds was never farther from the truth than is allowed here.
const sampled: [what: string, text: string, maxDims: number, rounds: number, most: number, isSlow: boolean][] = [
  ["two dimensions", longerSample, 2, 100, 0.03, false],
  ["three dimensions", halfOfSample, 3, 40, 0.06, false],
  ["three dimensions, of which a quarter is grown", halfOfSample, 3, 300, 0.03, true],
];

test.each(sampled)("the mean of many rounds is near the truth: %s", (_, text, maxDims, rounds, most, isSlow) => {
  const truth = walkText(text, { maxDims, minVolume: 1, codeLimit: null });
  const estimate = estimateOf(text, maxDims, rounds, { isSlow });
  expect(estimate.isExact).toBe(false);
  expect(Math.abs(estimate.orthos / truth.orthos - 1)).toBeLessThan(most);
  for (const [shape, count] of Object.entries(truth.shapes)) {
    // What is rare is met with by chance.
    if (count < truth.orthos / 30) continue;
    expect([shape, Math.abs(estimate.shapes[shape] / count - 1) < 2 * most]).toEqual([shape, true]);
  }
});

// By that clock each take and each box that is grown takes 1 ms, whatever is looked at in it.
test("the time of the whole is that of each part, as often as it stands for others", () => {
  const { walk_ms } = estimateOf(halfOfSample, 3, 300, { isSlow: true });
  expect(Math.abs(walk_ms / 11_000 - 1)).toBeLessThan(0.05);
});

test("a sample that takes too long can be ended", () => {
  const index = PhraseIndex.build(corpusOfText(longerSample).corpus);
  const poll = () => {
    throw new Error("too long");
  };
  const options = {
    maxDims: 3,
    minVolume: 1,
    random: randomNumbers(1),
    now: () => 0,
    isTimeUp: () => true,
    round_ms: 1,
  };
  expect(() => estimateOrthos(index, { ...options, poll })).toThrow("too long");
});
