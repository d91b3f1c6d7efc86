// What reads like the heading of a chapter, and what only begins like one.
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chapterStarts } from "../../src/core/headings.ts";
import { sampleText } from "../support/sample.ts";

/** The first lines of all chapters. */
function headings(text: string): string[] {
  return [...chapterStarts(text)].map((at) => text.slice(at).split(/\r?\n/, 1)[0].trim());
}

const yes = [
  ...["CHAPTER I.", "CHAPTER I", "Chapter 1", "Chapter 12: The Sea", "CHAPTER XLIV. A TITLE", "Chapter One"],
  ...["Chapter the First", "CHAPTER THE LAST", "CHAPTER TWENTY-TWO", "Chapter 3 - The Chase", "CHAPTER 4 \u2014 Home"],
  ...["I.", "I", "IV.", "XII", "VII. THE BLUE CARBUNCLE", "II. The Red Room", "XC.", "  III.", "_IX._", "**X.**"],
  ...["LETTER 4", "Letter II", "BOOK ONE", "Book the First: Recalled to Life", "PART 2", "Part Two The Sea"],
  ...["ADVENTURE  I.  A SCANDAL", "STAVE ONE: MARLEY'S GHOST", "ACT I. SCENE II", "VOLUME III", "Canto IV"],
  ...["PROLOGUE", "Epilogue", "Preface.", "INTRODUCTION", "# Any title", "## One of the second level", "# 1"],
];
test.each(yes)("a heading: %s", (line) => {
  expect(headings(`Some words.\n\n${line}\n\nMore words.\n`)).toEqual([line.trim()]);
  expect(headings(`Some words.\r\n\r\n${line}\r\n\r\nMore words.\r\n`)).toEqual([line.trim()]);
  expect(headings(`${line}\n\nMore words.`)).toEqual([line.trim()]);
});

const no = [
  ...["Some words", "Chapter", "Part one was easy", "Chapter 2 was shorter than the first", "chapter 1", "Book now!"],
  ...[
    "Letters 4",
    "I was there.",
    "I, too",
    "Mix",
    "LIVID",
    "IIII.",
    "VX.",
    "C. Smith",
    "L. Jones",
    "i.",
    "I. and II.",
  ],
  ...[
    "Introduction to the sea",
    "Prefaced",
    "#hashtag",
    "### A third level",
    "####### seven",
    "1",
    "Act one of the play",
  ],
  `Chapter 1 ${"and so on ".repeat(9)}`,
];
test.each(no)("no heading: %s", (line) => {
  expect(headings(`Some words.\n\n${line}\n\nMore words.\n`)).toEqual([]);
});

const cases: [what: string, text: string, expected: string[]][] = [
  ["a title may stand below", "CHAPTER I\nIn which they sail\n\nwords", ["CHAPTER I"]],
  ["a paragraph may not", "CHAPTER I\nIn which\nthey sail.\n\nwords", []],
  ["nor may there be words above", "words\nCHAPTER I\n\nwords", []],
  [
    "headings that follow each other start one chapter",
    "BOOK ONE\n\nCHAPTER I\n\na\n\nCHAPTER II\n\nb",
    ["BOOK ONE", "CHAPTER II"],
  ],
  ["so does a table of contents", "I. A\n\nII. B\n\nIII. C\n\nwords\n\nI. A\n\nwords", ["I. A", "I. A"]],
  ["Markdown needs no blank lines", "# A\nwords\n## B\nwords\n\n# C\n## D\nwords", ["# A", "## B", "# C"]],
  ["spaces on a line make it no less blank", "a.\n \t\nCHAPTER I\n  \nb", ["CHAPTER I"]],
  ["nothing", "", []],
];
test.each(cases)("%s", (_, text, expected) => {
  expect(headings(text)).toEqual(expected);
});

test("the sample text is a log without chapters", () => {
  expect(headings(sampleText)).toEqual([]);
});

const book = join(import.meta.dir, "../../../shared/corpora/holmes.txt");

test("a book of twelve adventures, the first of which has three parts", () => {
  if (!existsSync(book)) {
    console.warn("../shared/corpora/holmes.txt is not here: the headings of a real book are not tested.");
    return;
  }
  const found = headings(readFileSync(book, "utf8"));
  expect(found).toHaveLength(14);
  expect(found.filter((heading) => heading.startsWith("ADVENTURE"))).toHaveLength(6);
  expect(found.slice(0, 3)).toEqual(["ADVENTURE  I.  A SCANDAL IN BOHEMIA", "II.", "III."]);
  expect(found.at(-1)).toBe("XII.  THE ADVENTURE OF THE COPPER BEECHES");
});
