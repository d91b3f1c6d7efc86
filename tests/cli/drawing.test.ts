// What people see: grids, numbers, tables, and the nearest of some words.
import { expect, test } from "bun:test";
import { drawOrtho } from "../../src/cli/grid.ts";
import { nearest } from "../../src/cli/nearest.ts";
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatDuration,
  formatLarge,
  formatTable,
  widthOf,
  wrap,
} from "../../src/cli/text.ts";

test("columns are aligned", () => {
  const lines = drawOrtho([2, 3], ["all", "the", "readers", "his", "case", "of"], 80);
  expect(lines).toEqual(["all  the   readers", "his  case  of"]);
});

test("wide and combining characters are counted as a terminal draws them", () => {
  const lines = drawOrtho([2, 2], ["文文", "b", "e\u0301te\u0301", "d"], 80);
  expect(lines).toEqual(["文文  b", "e\u0301te\u0301   d"]);
});

test("slices have captions of where they lie", () => {
  const words = "abcdefghijklmnop".split("");
  expect(drawOrtho([2, 2, 2], words.slice(0, 8), 80)).toEqual([
    "slice 1/2",
    "a  b",
    "c  d",
    "",
    "slice 2/2",
    "e  f",
    "g  h",
  ]);
  const captions = drawOrtho([2, 2, 2, 2], words, 80).filter((line) => line.startsWith("slice"));
  expect(captions).toEqual(["slice 1/2, 1/2", "slice 1/2, 2/2", "slice 2/2, 1/2", "slice 2/2, 2/2"]);
});

test("what is too wide is turned where that helps", () => {
  const words = Array.from({ length: 26 }, (_, i) => `word${i}`);
  const lines = drawOrtho([2, 13], words, 40);
  expect(lines.length).toBe(13);
  expect(lines[0]).toBe("word0   word13");
  expect(drawOrtho([2, 13], words, 200).length).toBe(2);
});

test("what is too wide both ways goes on further down, and every word is there", () => {
  const words = Array.from({ length: 64 }, (_, i) => `word${i}`);
  const lines = drawOrtho([8, 8], words, 30);
  expect(lines.every((line) => widthOf(line) <= 30)).toBe(true);
  for (const word of words) expect(lines.join(" ").split(/\s+/)).toContain(word);
  expect(lines).toContain("columns 5 to 8 of 8");
});

test("a word that alone is too wide is cut", () => {
  const lines = drawOrtho([2, 2], ["x".repeat(50), "b", "c", "d"], 20);
  expect(lines.every((line) => widthOf(line) <= 20)).toBe(true);
  expect(lines.join("\n")).toContain("x…");
});

test("counts, sizes and times", () => {
  expect([0, 999, 1000, 39_648_128].map(formatCount)).toEqual(["0", "999", "1,000", "39,648,128"]);
  expect([formatCounted(1, "ortho"), formatCounted(2000, "ortho")]).toEqual(["1 ortho", "2,000 orthos"]);
  expect([0, 1, 999, 1000, 53_136_559, 999_999].map(formatBytes)).toEqual([
    "0 bytes",
    "1 byte",
    "999 bytes",
    "1.00 kB",
    "53.1 MB",
    "1.00 MB",
  ]);
  expect([12, 39_648_128].map(formatLarge)).toEqual(["12", "39.6 M"]);
  expect([3, 999.7, 12_340, 59_960, 200_000, 7_500_000].map(formatDuration)).toEqual([
    ...["3 ms", "1.0 s", "12.3 s", "1 min 0 s", "3 min 20 s", "2 h 5 min"],
  ]);
});

test("tables and wrapped text", () => {
  expect(
    formatTable(
      [
        ["a", "1"],
        ["bcd", "20"],
      ],
      "lr",
    ),
  ).toEqual(["a     1", "bcd  20"]);
  expect(wrap("one two three", 7)).toEqual(["one two", "three"]);
});

test("the nearest word, or none", () => {
  const words = ["run", "show", "export", "merge", "verify", "exit-codes"];
  expect(["rnu", "exprot", "ver", "exit", "banana", "x"].map((word) => nearest(word, words))).toEqual([
    ...["run", "export", "verify", "exit-codes", null, null],
  ]);
});

test("a name with line feeds and escapes does not tear a table", () => {
  expect(
    formatTable([
      ["new\nline", "1"],
      ["\u001b[31mred", "2"],
    ]),
  ).toEqual(["new\ufffdline  1", "\ufffd[31mred  2"]);
});
