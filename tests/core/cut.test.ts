// Cutting a text into pieces. The law: the sentences of all pieces are those of the text, in their order, wherever and
// however it is cut. Pieces go through bytes on the way, as they do through their files.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { CutBy } from "../../src/core/borders.ts";
import { type CutOptions, cutText } from "../../src/core/cut.ts";
import { countWords, decodeText } from "../../src/core/text.ts";
import { sentencesOf } from "../support/brute-force.ts";
import { textArbitrary } from "../support/texts.ts";

const unlimited = { minWords: 0, maxWords: Number.POSITIVE_INFINITY };

/** Lines that match a pattern. */
function line(pattern: RegExp): CutBy {
  return (text) => pattern.test(text);
}

/** The pieces of a text as they are read back from their files. */
function piecesOf(text: string, options: CutOptions): string[] {
  return cutText(text, options).pieces.map(({ start, end }) =>
    decodeText(Buffer.from(text.slice(start, end)), "a piece"),
  );
}

const lineParts = [
  ...["a", "b c", "Don\u2019t", "\u2019", "e\u0301", "\u0301", "\u0338", "\u037E", "\uFEFF", "\u0085", "1", "'", '"'],
  ...[
    ". ",
    ".",
    ", ",
    "?!",
    "...",
    '."',
    ".\u201D ",
    ".\u2019 ",
    ".'",
    ";)",
    "._",
    " ",
    "\t",
    "\r",
    "\u2028",
    "\u3002",
  ],
  ...["\n", "\n\n", "\r\n", "\r\n\r\n", "\n\r\n", "\n \n", "\n\n\n", "\n\r\r\n", " \n\n "],
  ...["CHAPTER I.", "I.", "II", "Letter 2", "\n# A title\n", "## b", "BOOK THE FIRST", "Prologue"],
];
const parts = fc.array(fc.constantFrom(...lineParts), { maxLength: 40, size: "max" }).map((all) => all.join(""));
// Decoded from bytes: half a surrogate pair never comes out of a decoder.
const decoded = fc.string({ unit: "binary", maxLength: 40 }).map((text) => decodeText(Buffer.from(text), "a text"));
const texts = fc.oneof({ weight: 3, arbitrary: parts }, { weight: 2, arbitrary: textArbitrary }, decoded);
const ways = fc.oneof(
  fc.constantFrom<CutBy>("chapter", "paragraph", "sentence"),
  fc.constantFrom(/^/u, /b/u, /^\P{Ll}/u, /\.$/u, /^$/u).map(line),
);
const limits = fc.record({
  minWords: fc.constantFrom(0, 1, 2, 5, 9),
  maxWords: fc.constantFrom(9, 12, 30, Number.POSITIVE_INFINITY, 1, 3),
});

describe("the law", () => {
  test("the sentences of the pieces are those of the text", () => {
    const property = fc.property(texts, ways, limits, (text, by, { minWords, maxWords }) => {
      const pieces = piecesOf(text, { by, minWords: Math.min(minWords, maxWords), maxWords });
      expect(pieces.flatMap(sentencesOf)).toEqual(sentencesOf(text));
    });
    fc.assert(property, { numRuns: 5000 });
  });

  test("each piece holds a word, words are counted right, and what lies between pieces holds none", () => {
    const property = fc.property(texts, ways, limits, (text, by, { minWords, maxWords }) => {
      const { pieces } = cutText(text, { by, minWords: Math.min(minWords, maxWords), maxWords });
      let last = 0;
      for (const { start, end, words } of pieces) {
        expect(sentencesOf(text.slice(last, start))).toEqual([]);
        expect(words).toBe(sentencesOf(text.slice(start, end)).flat().length);
        expect(words).toBeGreaterThan(0);
        expect(start).toBeGreaterThanOrEqual(last);
        last = end;
      }
      expect(sentencesOf(text.slice(last))).toEqual([]);
    });
    fc.assert(property, { numRuns: 2000 });
  });

  test("words are counted as sentences hold them", () => {
    fc.assert(fc.property(texts, (text) => expect(countWords(text)).toBe(sentencesOf(text).flat().length)));
  });
});

describe("where it is cut", () => {
  test("by sentence: a piece for each", () => {
    const property = fc.property(texts, (text) => {
      const pieces = piecesOf(text, { by: "sentence", ...unlimited });
      expect(pieces.map(sentencesOf)).toEqual(sentencesOf(text).map((sentence) => [sentence]));
    });
    fc.assert(property, { numRuns: 2000 });
  });

  test("by paragraph: a piece for each that holds a word", () => {
    const property = fc.property(texts, (text) => {
      // A CR that is left is a space; it must not meet an LF when the reference reads the paragraph by itself.
      const lines = text.replaceAll("\r\n", "\n").replaceAll("\r", " ");
      const paragraphs = lines.split("\n\n").map(sentencesOf);
      const pieces = piecesOf(text, { by: "paragraph", ...unlimited });
      expect(pieces.map(sentencesOf)).toEqual(paragraphs.filter(({ length }) => length > 0));
    });
    fc.assert(property, { numRuns: 2000 });
  });

  const cases: [what: string, text: string, options: Partial<CutOptions>, pieces: string[]][] = [
    ["nothing", "", {}, []],
    ["no word", "1. -- !\n\n", {}, []],
    ["no final line feed", "a b", {}, ["a b"]],
    [
      "a line that matches, and what is before the first",
      "x.\nA b.\nc.\nA d.",
      { by: line(/^A/u) },
      ["x.\n", "A b.\nc.\n", "A d."],
    ],
    [
      "a line inside a sentence: the piece starts where that does",
      "x. y\nA b. c",
      { by: line(/^A/u) },
      ["x. ", "y\nA b. c"],
    ],
    [
      "two lines in one sentence start one piece",
      "x. y\nA b\nA c. d.\nA e",
      { by: line(/^A/u) },
      ["x. ", "y\nA b\nA c. d.\n", "A e"],
    ],
    [
      "a line of the end of a sentence starts the next one's piece",
      "a b\n--.\nc d",
      { by: line(/^--/u) },
      ["a b\n--.\n", "c d"],
    ],
    [
      "CRLF is not torn, and no part of a line that is matched",
      "a.\r\nb.\r\nc.",
      { by: line(/^b\.$/u) },
      ["a.\r\n", "b.\r\nc."],
    ],
    ["quotes stay with what they close", 'He said "a." She "b."', { by: "sentence" }, ['He said "a." ', 'She "b."']],
    ["an indent stays with its line", "a.\n\n   b.", { by: "paragraph" }, ["a.\n\n", "   b."]],
    ["the Greek question mark ends a sentence", "\u03B1\u037E\u03B2", { by: "sentence" }, ["\u03B1\u037E", "\u03B2"]],
    [
      "small pieces are joined to the next",
      "a.\n\nb c d.\n\ne f.",
      { by: "paragraph", minWords: 2 },
      ["a.\n\nb c d.\n\n", "e f."],
    ],
    ["the last to the one before", "a b.\n\nc.", { by: "paragraph", minWords: 2 }, ["a b.\n\nc."]],
    ["but not beyond the upper limit", "a b.\n\nc.", { by: "paragraph", minWords: 2, maxWords: 2 }, ["a b.\n\n", "c."]],
    [
      "large ones are cut between paragraphs",
      "a b.\n\nc. d e f.",
      { by: line(/^x/u), maxWords: 4 },
      ["a b.\n\n", "c. d e f."],
    ],
    [
      "where that leaves half of the limit empty, between sentences",
      "a.\n\nb c. d e f.",
      { by: line(/^x/u), maxWords: 4 },
      ["a.\n\nb c. ", "d e f."],
    ],
    [
      "what is left behind a paragraph may not fit the next sentence either",
      "a a a a a a.\n\nb. c c c c c c c c c c.",
      { by: "chapter", maxWords: 10 },
      ["a a a a a a.\n\n", "b. ", "c c c c c c c c c c."],
    ],
    ["a sentence is never cut", "a. b c d e. f", { by: "chapter", maxWords: 2 }, ["a. ", "b c d e. ", "f"]],
  ];
  test.each(cases)("%s", (_, text, options, pieces) => {
    expect(piecesOf(text, { by: "chapter", ...unlimited, ...options })).toEqual(pieces);
  });
});

describe("limits", () => {
  test("only a single sentence is too large, and what is too small has no neighbour with room", () => {
    const property = fc.property(texts, ways, limits, (text, by, { maxWords, ...rest }) => {
      const minWords = Math.min(rest.minWords, maxWords);
      const { pieces, tooLarge, tooSmall } = cutText(text, { by, minWords, maxWords });
      const large = pieces.filter(({ words }) => words > maxWords);
      for (const { start, end } of large) expect(sentencesOf(text.slice(start, end))).toHaveLength(1);
      expect(tooLarge).toBe(large.length);
      const small = pieces.flatMap(({ words }, i) => (words < minWords ? [i] : []));
      for (const i of small) {
        for (const other of [pieces[i - 1], pieces[i + 1]]) {
          if (other !== undefined) expect(pieces[i].words + other.words).toBeGreaterThan(maxWords);
        }
      }
      expect(tooSmall).toBe(small.length);
    });
    fc.assert(property, { numRuns: 5000 });
  });

  test("a text of short sentences is cut into as few parts as it takes, all of about the same size", () => {
    const sentence = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom(". ", ". ", ".\n\n"));
    const long = fc.array(sentence, { minLength: 20, maxLength: 200, size: "max" });
    const property = fc.property(long, fc.integer({ min: 30, max: 60 }), (sentences, maxWords) => {
      const text = sentences.map(([words, end]) => `${"word ".repeat(words)}${end}`).join("");
      const { pieces } = cutText(text, { by: "chapter", minWords: 0, maxWords });
      const total = countWords(text);
      for (const { words } of pieces) {
        expect(words).toBeLessThanOrEqual(maxWords);
        // Two thirds of half the limit, or a third, if a paragraph ends there; a sentence less, as it may not fit.
        if (pieces.length > 1) expect(words).toBeGreaterThanOrEqual(maxWords / 3 - 3);
      }
      if (!text.includes("\n")) expect(pieces.length).toBeLessThanOrEqual(Math.ceil(total / (maxWords - 3)));
    });
    fc.assert(property, { numRuns: 2000 });
    const even = cutText("a b. ".repeat(50), { by: "chapter", minWords: 0, maxWords: 99 });
    expect(even.pieces.map(({ words }) => words)).toEqual([50, 50]);
  });

  test("what is said of a cut", () => {
    const text = "1.\n\nx y\nA a.\n\nb c d.\n\nA e.\n\n2.";
    const cut = cutText(text, { by: line(/^(A|\d)/u), minWords: 0, maxWords: 2 });
    expect(cut.pieces.map(({ words }) => words)).toEqual([4, 3, 2]);
    expect(cut).toMatchObject({ leftOut: 2, lines: 4, moved: 1, tooLarge: 2, tooSmall: 0 });
    expect(cutText(text, { by: "chapter", minWords: 10, maxWords: 99 })).toMatchObject({ lines: 0, tooSmall: 1 });
  });
});

test("the time that a cut takes grows as the text does", () => {
  const time = (text: string) => {
    const options = { by: "chapter", minWords: 100, maxWords: 1000 } as const;
    const { user } = process.cpuUsage();
    expect(cutText(text, options).pieces.length).toBeGreaterThan(0);
    return process.cpuUsage().user - user;
  };
  // Each is a text that some way to look for a border would go through again and again.
  for (const unit of ["a b c d, ", "word ", "\n\n", "I.\n\n", ". ", "a\u0301", "\n", "CHAPTER I\n\na\n\n", "# a\n"]) {
    const text = `a ${unit.repeat(20_000)} b`;
    time(text);
    const short = Math.min(time(text), time(text), time(text));
    // Squares would take 100 times as long.
    expect(time(`a ${unit.repeat(200_000)} b`), JSON.stringify(unit)).toBeLessThan(30 * short + 200_000);
  }
});
