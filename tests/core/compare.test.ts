import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareNumbers, compareUtf8 } from "../../src/core/compare.ts";

// Few and neighbouring characters, so that common prefixes and both sides of the surrogates occur.
const closeText = fc.string({
  unit: fc.constantFrom(
    "a",
    "b",
    "\u00E9",
    "\uD7FF",
    "\uE000",
    "\uFB01",
    "\uFFFF",
    "\u{10000}",
    "\u{10428}",
    "\u{10FFFF}",
  ),
  maxLength: 4,
});
const anyText = fc.oneof(closeText, fc.string({ unit: "binary" }));

test("texts compare as their UTF-8 bytes do", () => {
  const property = fc.property(anyText, anyText, (a, b) => {
    expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
  });
  fc.assert(property, { numRuns: 3000 });
});

test("lists of numbers compare by the first difference, then by length", () => {
  expect(compareNumbers([2, 10], [2, 9])).toBeGreaterThan(0);
  expect(compareNumbers([2, 2], [2, 2, 2])).toBeLessThan(0);
  expect(compareNumbers([3, 3], [3, 3])).toBe(0);
});
