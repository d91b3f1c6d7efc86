// Boxes larger than the brute force can fill: of different words, so that their sub-boxes are all there is.
import { expect, test } from "bun:test";
import { walkText } from "../support/walks.ts";

const boxes = [
  [2, 300],
  [12, 12],
  [3, 40],
  [5, 4, 3],
  [3, 3, 3],
  [2, 2, 9],
  [4, 3, 2, 2],
  [2, 2, 2, 2, 2, 2],
];

/** Every line of a box of different words, as a sentence. */
function textOfBox(dims: readonly number[]): string {
  const strides = dims.map((_, axis) => product(dims.slice(axis + 1)));
  const cells = [...Array(product(dims)).keys()];
  const lines = dims.flatMap((length, axis) =>
    cells
      .filter((cell) => Math.floor(cell / strides[axis]) % length === 0)
      .map((start) => Array.from({ length }, (_, step) => wordOfCell(start + step * strides[axis])).join(" ")),
  );
  return lines.join(".\n");
}

/** Words whose order has nothing to do with the order of the cells. */
function wordOfCell(cell: number): string {
  const mixed = (cell * 7919 + 104_729) % 100_003;
  return `w${[...String(mixed)].map((digit) => String.fromCharCode(97 + Number(digit))).join("")}`;
}

/** How many sub-boxes of each shape a box has: an interval of each axis, of two words or more on at least two. */
function subBoxes(dims: readonly number[]): Record<string, number> {
  let partial = new Map([["", 1]]);
  for (const n of dims) {
    const longer = new Map<string, number>();
    for (const [shape, count] of partial) {
      for (let length = 1; length <= n; length++) {
        const key = length === 1 ? shape : [...shape.split("x").filter(Boolean), length].sort(byNumber).join("x");
        longer.set(key, (longer.get(key) ?? 0) + count * (n - length + 1));
      }
    }
    partial = longer;
  }
  return Object.fromEntries([...partial].filter(([shape]) => shape.includes("x")));
}

function byNumber(a: string | number, b: string | number): number {
  return Number(a) - Number(b);
}

function product(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total * number, 1);
}

test.each(boxes.map((dims) => [dims.join("x"), dims] as const))("%s has its sub-boxes, each once", (shape, dims) => {
  const settings = { maxDims: Number.POSITIVE_INFINITY, minVolume: 1, codeLimit: 500 };
  const found = walkText(textOfBox(dims), settings);
  expect(found.shapes).toEqual(subBoxes(dims));
  expect(new Set(found.lines).size).toBe(found.orthos);
  expect(found.lines.length).toBe(found.orthos);
  expect(found.optimal?.split("\t")[0]).toBe(shape.split("x").sort(byNumber).join("x"));
  expect(walkText(textOfBox(dims), { ...settings, mostKeptWords: 0 }).lines).toEqual([...found.lines]);
});
