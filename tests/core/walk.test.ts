// The walk against the brute force: the same orthos, each exactly once, whatever is asked for and wherever chunks end.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { expectedOf } from "../support/expected.ts";
import { digestOf, halfOfSample, sampleFacts, sampleText } from "../support/sample.ts";
import { denseSentencesArbitrary, textArbitrary, textOf } from "../support/texts.ts";
import { sortedLines, walkText } from "../support/walks.ts";

const maxDimsArbitrary = fc.constantFrom(2, 3, Number.POSITIVE_INFINITY);
const texts = { "odd texts": textArbitrary, "texts with boxes": denseSentencesArbitrary.map(textOf) };

const settingsArbitrary = fc.record({
  maxDims: maxDimsArbitrary,
  minVolume: fc.integer({ min: 1, max: 4 }),
  codeLimit: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant(1 << 20)),
});

test.each(Object.entries(texts))("all that is written is what brute force finds: %s", (_, text) => {
  const property = fc.property(text, settingsArbitrary, (source, settings) => {
    const { chunks, text: _, lines, ...found } = walkText(source, settings);
    const { lines: expectedLines, ...expected } = expectedOf(source, settings.maxDims, settings.minVolume);
    expect(found).toEqual(expected);
    expect(sortedLines(lines)).toEqual([...expectedLines]);
    for (const chunk of chunks) expect(chunk.orthos).toBeGreaterThan(0);
  });
  fc.assert(property, { numRuns: 300 });
});

// Nothing is written: the walk takes shortcuts that only count.
test.each(Object.entries(texts))("counting alone comes to the same: %s", (_, text) => {
  const property = fc.property(text, settingsArbitrary, (source, settings) => {
    const { orthos, shapes, optimal } = expectedOf(source, settings.maxDims, settings.minVolume);
    const found = walkText(source, { ...settings, codeLimit: null });
    expect({ orthos: found.orthos, shapes: found.shapes, optimal: found.optimal }).toEqual({ orthos, shapes, optimal });
  });
  fc.assert(property, { numRuns: 300 });
});

// A box may have more slices along a new axis than there is memory for.
test.each(Object.entries(texts))("however few slices are kept, the code is the same to the byte: %s", (_, text) => {
  const property = fc.property(
    text,
    settingsArbitrary,
    fc.integer({ min: 0, max: 40 }),
    (source, how, mostKeptWords) => {
      const settings = { ...how, maxDims: Number.POSITIVE_INFINITY };
      const [all, few] = [walkText(source, settings), walkText(source, { ...settings, mostKeptWords })];
      expect(few.chunks).toEqual([...all.chunks]);
      expect({ ...few, text: null }).toEqual({ ...all, text: null });
      const counted = walkText(source, { ...settings, mostKeptWords, codeLimit: null });
      expect([counted.shapes, counted.optimal]).toEqual([all.shapes, all.optimal]);
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test("small chunks are many, and together they are the large one", () => {
  const whole = walkText(halfOfSample, { maxDims: 3, minVolume: 2, codeLimit: 1 << 30 });
  const cut = walkText(halfOfSample, { maxDims: 3, minVolume: 2, codeLimit: 100 });
  expect(cut.chunks.length).toBeGreaterThan(10 * whole.chunks.length);
  expect(digestOf(cut.lines)).toBe(digestOf(whole.lines));
  expect({ orthos: cut.orthos, shapes: cut.shapes, optimal: cut.optimal }).toEqual({
    orthos: whole.orthos,
    shapes: whole.shapes,
    optimal: whole.optimal,
  });
});

test("the sample text has the orthos that other programs found in it", () => {
  const { orthos, lines } = walkText(sampleText, { maxDims: 2, minVolume: 1, codeLimit: 4 << 20 });
  expect({ orthos, digest: digestOf(sortedLines(lines)) }).toEqual({ ...sampleFacts });
});
