/**
 * Random small texts for fast-check, small enough for `bruteForce` and rich enough to hold orthos.
 *
 * Orthos are rare in random texts: a few words that return all the time make 2x2s, boxes written out line by line
 * make the rest.
 */
import fc from "fast-check";

/** One word of a text as it is written: which word, in what dress, and what stands between it and the next. */
interface Token {
  /** Picks among the words of the text, modulo their number. */
  word: number;
  dress: Dress;
  gap: string;
}

interface Sentence {
  tokens: Token[];
  end: string;
}

type Dress = (word: string) => string;

/** Words that a reader of the rules may get wrong, among plain ones. */
const SPELLINGS = [
  ..."abcdefgh",
  "the",
  "a",
  "don't",
  "don\u2019t",
  "o\u2019c\u2019k", // one letter between two marks: a pattern that consumes the letter misses the second
  "'",
  "'tis",
  "dogs'",
  "\u00E9t\u00E9",
  "stra\u00DFe",
  "\u1E9E", // capital sharp s, lower-cased to one character
  "\u0130", // dotted capital I, lower-cased to two characters
  "I",
  "\u0131",
  "\u03A3\u03AF\u03C3\u03C5\u03C6\u03BF\u03A3", // ends in a sigma that is final in lower case
  "\u03A3", // a sigma alone is not final
  "\u03B1\u03A3'",
  "\u01C5", // a title-case letter
  "\uFB01", // in UTF-8 before the next word, in UTF-16 after it
  "\u{10428}",
  "\u{10400}",
  "\u2167", // a Roman numeral: alphabetic and yet no letter
  "\u0E2A\u0E27\u0E31\u0E2A\u0E14\u0E35", // Thai, with vowel signs that are alphabetic
  "\u6587", // a script without case
  "\u02BCa", // an apostrophe that is a letter
  "\u212A", // the Kelvin sign, which NFC turns into K
];

const plain: Dress = (word) => word;

const DRESSES: fc.Arbitrary<Dress> = fc.oneof(
  { weight: 12, arbitrary: fc.constant(plain) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Dress>(
      (word) => word.toUpperCase(),
      (word) => word.normalize("NFD"),
      (word) => word.replaceAll("'", "\u2019"),
      (word) => `\u201C${word}\u201D`,
      (word) => `\u2018${word}\u2019`,
      (word) => `\u2019${word}`,
      (word) => `'${word}'`,
      (word) => `${word}1${word}`,
      (word) => `${word}\u0331`, // a combining mark that is not alphabetic and, after most letters, does not compose
      (word) => `${word}\u2019\u0301${word}`,
    ),
  },
);

const GAPS = fc.oneof(
  { weight: 14, arbitrary: fc.constant(" ") },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ..."\t\n\r\v\f-_0\u0000\u0085\u00A0\u00AD\u200B\u200D\u2028\u2029\u3000\uFEFF",
      "  ",
      " -- ",
      "\r\n",
      "\n \n",
      "\u2014",
      "\u037E", // the Greek question mark, which NFC turns into a semicolon
      "\u2026",
      "\u{1F600}",
      " ' ",
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 2 }) },
);

const ENDS = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(". ", "? ", "; ", "! ", ", ") },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "\n\n",
      ".\n\n",
      "\r\n\r\n",
      ".\r\n\r\n",
      "\n\n\n",
      "\n\r\n",
      "...",
      ".,;",
      ".\n",
      "\u3002",
    ),
  },
);

const TOKEN: fc.Arbitrary<Token> = fc.record({ word: fc.nat({ max: 59 }), dress: DRESSES, gap: GAPS });

function sentenceArbitrary(minTokens: number, maxTokens: number): fc.Arbitrary<Sentence> {
  const size = { minLength: minTokens, maxLength: maxTokens, size: "max" } as const;
  return fc.record({ tokens: fc.array(TOKEN, size), end: ENDS });
}

/**
 * Texts, already decoded, of 2 to 6 words that return: mostly sentences of up to 4 words, up to two of as many as
 * 14, about 60 words at most, fewer when more of them differ. Every kind of punctuation and paragraph occurs, and
 * now and then a byte-order mark, CRLF, a typographic apostrophe, decomposed letters, capitals of several scripts,
 * digits, odd white space and arbitrary characters.
 *
 * @example
 * fc.assert(fc.property(textArbitrary, (text) => sentencesOf(text).every((words) => words.length > 0)));
 */
export const textArbitrary: fc.Arbitrary<string> = fc
  .record({
    mark: fc.oneof({ weight: 7, arbitrary: fc.constant("") }, { weight: 1, arbitrary: fc.constant("\uFEFF") }),
    words: fc.uniqueArray(fc.constantFrom(...SPELLINGS), { minLength: 2, maxLength: 6, size: "max" }),
    short: fc.array(sentenceArbitrary(0, 4), { maxLength: 12, size: "max" }),
    long: fc.array(sentenceArbitrary(5, 14), { maxLength: 2, size: "max" }),
    crlf: fc.integer({ min: 0, max: 5 }),
  })
  .map(({ mark, words, short, long, crlf }) => {
    const sentences = shortened([...long, ...short], words.length > 4 ? 36 : 60);
    const text = mark + sentences.map((sentence) => written(sentence, words)).join("");
    return crlf === 5 ? text.replaceAll("\n", "\r\n") : text;
  });

/**
 * The sentences with no tokens after the first `maxTokens`: much text of six words holds four-dimensional orthos
 * by the ten thousand.
 */
function shortened(sentences: Sentence[], maxTokens: number): Sentence[] {
  let left = maxTokens;
  return sentences.map(({ tokens, end }) => {
    const kept = tokens.slice(0, left);
    left -= kept.length;
    return { tokens: kept, end };
  });
}

function written({ tokens, end }: Sentence, words: string[]): string {
  const text = tokens.map(({ word, dress, gap }, index) => {
    const spelling = dress(words[word % words.length]);
    return index < tokens.length - 1 ? spelling + gap : spelling;
  });
  return text.join("") + end;
}

/** Boxes with at most 18 cells: what the brute force fills in all orientations in a fraction of a second. */
const BOXES = [
  [2, 2],
  [2, 3],
  [2, 5],
  [3, 3],
  [3, 4],
  [4, 4],
  [2, 2, 2],
  [2, 2, 3],
  [2, 2, 4],
  [2, 3, 3],
  [2, 2, 2, 2],
];

/** How many word ids `denseSentencesArbitrary` uses at most; `wordOf` spells each of them. */
export const DENSE_WORDS = 24;

/**
 * Sentences, as word ids from 0 to `DENSE_WORDS` - 1, that hold the orthos of a few boxes of up to four dimensions.
 *
 * A box is filled with words, each of its lines becomes a sentence, and now and then one is left out, so that
 * something nearly is an ortho. Up to three words stand in a second cell as well, be it in another shell or,
 * against the rules, in the same. Two boxes may share words, sentences of noise join them, and the whole is
 * shuffled.
 *
 * @example
 * fc.assert(fc.property(denseSentencesArbitrary, (sentences) => bruteForce(spelled(sentences), Infinity).orthos >=
 * 0));
 */
export const denseSentencesArbitrary: fc.Arbitrary<number[][]> = fc
  .record({
    boxes: fc.array(boxArbitrary(), { minLength: 1, maxLength: 2, size: "max" }),
    noise: fc.array(fc.array(fc.nat({ max: DENSE_WORDS - 1 }), { maxLength: 4, size: "max" }), {
      maxLength: 8,
      size: "max",
    }),
  })
  .map(({ boxes, noise }) => [...boxes.flat(), ...noise])
  .chain((sentences) => fc.shuffledSubarray(sentences, { minLength: sentences.length }));

/** The lines of a box, as sentences. */
function boxArbitrary(): fc.Arbitrary<number[][]> {
  return fc
    .record({
      dims: fc.constantFrom(...BOXES),
      words: fc.shuffledSubarray([...Array(DENSE_WORDS).keys()], { minLength: DENSE_WORDS }),
      repeats: fc.array(fc.tuple(fc.nat({ max: 15 }), fc.nat({ max: 15 })), { maxLength: 3, size: "max" }),
      missing: fc.option(fc.nat({ max: 31 }), { freq: 4 }),
    })
    .map(({ dims, words, repeats, missing }) => {
      const cells = [...words];
      for (const [to, from] of repeats) cells[to] = words[from];
      return linesOf(dims).flatMap((line, index) => (index === missing ? [] : [line.map((cell) => cells[cell])]));
    });
}

/** Every axis-parallel line of a box, as row-major cell indices. */
function linesOf(dims: number[]): number[][] {
  const strides = dims.map((_, axis) => product(dims.slice(axis + 1)));
  return dims.flatMap((length, axis) => {
    const stride = strides[axis];
    return [...Array(product(dims)).keys()]
      .filter((cell) => Math.floor(cell / stride) % length === 0)
      .map((start) => Array.from({ length }, (_, step) => start + step * stride));
  });
}

function product(numbers: number[]): number {
  return numbers.reduce((total, number) => total * number, 1);
}

/**
 * A word for an id, all different, none like another after lower-casing. Their order by UTF-8 bytes is neither the
 * order of the ids nor that of UTF-16 units.
 *
 * @param id from 0 to `DENSE_WORDS` - 1
 */
export function wordOf(id: number): string {
  const stems = ["\uFB01", "\u{10428}", "m", "\u00E9", "z", "b'", "\u03C9", "b"];
  return `${stems[id % stems.length]}${["", "a", "x"][Math.floor(id / stems.length)]}`;
}

/** Sentences of ids as sentences of words. */
export function spelled(sentences: number[][]): string[][] {
  return sentences.map((sentence) => sentence.map(wordOf));
}

/** Sentences of ids as a text that is cut into just these sentences, the empty ones aside. */
export function textOf(sentences: number[][]): string {
  return spelled(sentences)
    .map((words) => `${words.join(" ")}.`)
    .join("\n");
}
