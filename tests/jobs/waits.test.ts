// How long a worker waits before it asks again: exactly, with chance in the hands of the test.
import { expect, test } from "bun:test";
import { Waits } from "../../src/jobs/waits.ts";

/** Waits one after the other. */
function some(waits: Waits, count: number, longest_ms: number): number[] {
  return Array.from({ length: count }, () => waits.next(longest_ms));
}

/** In the middle of what is drawn from. */
const middle = () => 0.5;

test("each wait is twice as long as the one before, up to the longest", () => {
  expect(some(new Waits(50, middle), 7, 1_000)).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
});

test("it is drawn from half of its length to one and a half times as long, each by itself", () => {
  expect(some(new Waits(50, () => 0), 4, 150)).toEqual([25, 50, 75, 75]);
  expect(some(new Waits(50, () => 1), 4, 150)).toEqual([75, 150, 225, 225]);
  const drawn = [0, 1, 0.25];
  expect(some(new Waits(100, () => drawn.shift() ?? 0.5), 4, 10_000)).toEqual([50, 300, 300, 800]);
});

test("left to chance, waits of one length are all over the range and not outside of it", () => {
  const waits = some(new Waits(1_000), 1_000, 1_000);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(500);
  expect(Math.max(...waits)).toBeLessThanOrEqual(1_500);
  // A quarter of the range that none of a thousand falls into: once in 10^124 runs.
  const quarters = new Set(waits.map((wait) => Math.floor((wait - 500) / 250)));
  expect(quarters.size).toBe(4);
});

test("the longest may be another from one wait to the next", () => {
  const waits = new Waits(50, middle);
  expect(some(waits, 5, 400)).toEqual([50, 100, 200, 400, 400]);
  expect(some(waits, 3, 2_000)).toEqual([800, 1_600, 2_000]);
  expect(some(waits, 2, 400)).toEqual([400, 400]);
});

test("begun anew, the first wait is the first again", () => {
  const waits = new Waits(50, middle);
  some(waits, 5, 10_000);
  waits.startAnew();
  expect(some(waits, 3, 10_000)).toEqual([50, 100, 200]);
});
