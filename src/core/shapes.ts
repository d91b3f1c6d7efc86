import { compareNumbers } from "./compare.ts";

/** Counts of orthos by shape, for instance `{"2x2": 5, "2x3": 1}`. */
export type ShapeCounts = Record<string, number>;

/** Product of (n - 1): what the search for the optimal ortho goes by. */
export function volumeOf(dims: ArrayLike<number>): number {
  let volume = 1;
  for (let i = 0; i < dims.length; i++) volume *= dims[i] - 1;
  return volume;
}

/** Product of the dims. */
export function cellsOf(dims: ArrayLike<number>): number {
  let cells = 1;
  for (let i = 0; i < dims.length; i++) cells *= dims[i];
  return cells;
}

/** Dims from a shape's name, or null when the text is no shape: `"2x3"` gives `[2, 3]`, `"3x2"` too. */
export function parseShape(text: string): number[] | null {
  if (!/^\d+(x\d+)+$/.test(text)) return null;
  const dims = text.split("x").map(Number);
  if (dims.some((n) => !Number.isSafeInteger(n) || n < 2)) return null;
  return dims.sort((a, b) => a - b);
}

/** Add the counts of `more` to `sum`. */
export function addShapes(sum: ShapeCounts, more: ShapeCounts): void {
  for (const [shape, count] of Object.entries(more)) sum[shape] = (sum[shape] ?? 0) + count;
}

/** Whether two lists of counts agree. */
export function sameShapes(a: ShapeCounts, b: ShapeCounts): boolean {
  return JSON.stringify(sortShapes(a)) === JSON.stringify(sortShapes(b));
}

/** The same counts with the shapes in order: fewer dimensions first, then by dims number by number. */
export function sortShapes(counts: ShapeCounts): ShapeCounts {
  const dimsOf = (shape: string) => shape.split("x").map(Number);
  const sorted = Object.entries(counts).sort(([a], [b]) => {
    const [x, y] = [dimsOf(a), dimsOf(b)];
    return x.length - y.length || compareNumbers(x, y);
  });
  return Object.fromEntries(sorted);
}
