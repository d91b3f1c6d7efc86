// From text to sentences: one case for each rule of the definition, then all rules at once against the reference.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeText, eachSentence } from "../../src/core/text.ts";
import { sentencesOf } from "../support/brute-force.ts";
import { textArbitrary } from "../support/texts.ts";

function sentences(text: string): string[] {
  const found: string[] = [];
  eachSentence(text, (words) => found.push(words.join("|")));
  return found;
}

const cases: [rule: string, text: string, expected: string[]][] = [
  ["the example of the definition", "Don't stop -- it's 9 o'clock", ["don't|stop|it's|o'clock"]],
  ["a sentence ends at each of five characters", "a b. c? d; e! f, g: h", ["a|b", "c", "d", "e", "f", "g|h"]],
  ["a paragraph ends at a blank line", "a b\n\nc", ["a|b", "c"]],
  ["a line's end is no end of a sentence", "a\nb\rc", ["a|b|c"]],
  ["CRLF is LF", "a\r\n\r\nb\r\nc", ["a", "b|c"]],
  ["a line of spaces is not blank", "a\n \nb\n\t\nc", ["a|b|c"]],
  ["three line feeds are one blank line", "a\n\n\nb", ["a", "b"]],
  ["CR alone between line feeds keeps them apart", "a\n\r\r\nb", ["a|b"]],
  ["LF CRLF is a blank line", "a\n\r\nb", ["a", "b"]],
  ["a byte-order mark is dropped", "\uFEFFa b", ["a|b"]],
  ["a second byte-order mark is a space", "\uFEFF\uFEFFa\uFEFFb", ["a|b"]],
  ["letters are composed", "e\u0301te\u0301", ["\u00E9t\u00E9"]],
  ["compatibility forms stay", "\uFB01n \u2167", ["\uFB01n|\u2177"]],
  ["the Greek question mark is a semicolon after NFC", "a\u037Eb", ["a", "b"]],
  ["the Kelvin sign is a K after NFC", "\u212A", ["k"]],
  ["a typographic apostrophe between letters is an apostrophe", "don\u2019t", ["don't"]],
  ["twice around one letter, too", "o\u2019c\u2019k", ["o'c'k"]],
  [
    "between letters of any script",
    "\u0434\u2019\u0430 \u{10428}\u2019\u{10428}",
    ["\u0434'\u0430|\u{10428}'\u{10428}"],
  ],
  ["elsewhere it is a space", "\u2019tis dogs\u2019 a\u20191 \u2019\u2019", ["tis|dogs|a"]],
  ["a left quote is a space", "a\u2018b", ["a|b"]],
  ["a plain apostrophe belongs to a word, even alone", "' 'tis dogs' ''", ["'|'tis|dogs'|''"]],
  ["digits and signs are spaces", "a1b_c-d\u2014e(f)", ["a|b|c|d|e|f"]],
  [
    "alphabetic is more than letters",
    "\u2160 \u0E2A\u0E27\u0E31\u0E2A \u24B6",
    ["\u2170|\u0E2A\u0E27\u0E31\u0E2A|\u24D0"],
  ],
  ["a combining mark that is not alphabetic is a space", "a\u0331b", ["a|b"]],
  ["so is an emoji, of two units in memory", "a\u{1F600}b", ["a|b"]],
  ["characters beyond U+FFFF are one character", "\u{10400}\u{10401}", ["\u{10428}\u{10429}"]],
  ["white space of all kinds parts words", "a\u0085b\u00A0c\u2028d\u3000e\vf\fg\th", ["a|b|c|d|e|f|g|h"]],
  ["U+0085 and U+2029 are no line feeds", "a\u0085\u0085b\u2029\u2029c", ["a|b|c"]],
  ["a zero-width space is no white space, and yet no letter", "a\u200Bb\u200Dc", ["a|b|c"]],
  ["the full mapping lower-cases one letter to two", "\u0130", ["i\u0307"]],
  [
    "a sigma at the end of a word is final",
    "\u039F\u0394\u039F\u03A3 \u03A3\u03A3",
    ["\u03BF\u03B4\u03BF\u03C2|\u03C3\u03C2"],
  ],
  ["a sigma alone is not", "\u03A3", ["\u03C3"]],
  ["nor by what stands in the next word", "\u0391\u03A3 \u0392", ["\u03B1\u03C2|\u03B2"]],
  ["empty sentences are dropped", " .,;\n\n!? 12 . a", ["a"]],
  ["an ideographic full stop is a space", "a\u3002b", ["a|b"]],
  ["nothing", "", []],
];

test.each(cases)("%s", (_, text, expected) => {
  expect(sentences(text)).toEqual(expected);
});

test("any text is cut as the reference cuts it", () => {
  const text = fc.oneof({ weight: 3, arbitrary: textArbitrary }, fc.string({ unit: "binary", maxLength: 40 }));
  const property = fc.property(text, (source) => {
    expect(sentences(source)).toEqual(sentencesOf(source).map((words) => words.join("|")));
  });
  fc.assert(property, { numRuns: 2000 });
});

// Every character by itself and between two letters: the classes and the lower case of all of Unicode.
test("every character is what the reference takes it for", () => {
  for (let plane = 0; plane < 0x110000; plane += 0x800) {
    if (plane === 0xd800) continue;
    const points = Array.from({ length: 0x800 }, (_, i) => plane + i);
    const text = points.map((point) => `${String.fromCodePoint(point)} x${String.fromCodePoint(point)}x. `).join("");
    const expected = sentencesOf(text).map((words) => words.join("|"));
    expect(Bun.hash(sentences(text).join("\n")), `U+${plane.toString(16)}`).toBe(Bun.hash(expected.join("\n")));
  }
});

test("a text in UTF-8 is decoded, its mark dropped", () => {
  expect(decodeText(Buffer.from("\uFEFF\u00E9t\u00E9 \u{10428}\u0000"), "a text")).toBe(
    "\u00E9t\u00E9 \u{10428}\u0000",
  );
  expect(decodeText(new Uint8Array(0), "a text")).toBe("");
});
