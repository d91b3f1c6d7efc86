/**
 * The reference that the folding core is tested against: every ortho of a small text, found in the plainest way.
 *
 * The rules in one breath. A *phrase* is a run of consecutive words inside one sentence. An *ortho* is an array of
 * words of d >= 2 dimensions, each at least 2 long, in which every axis-parallel line read from coordinate 0 is a
 * phrase, and two cells of equal coordinate sum (of the same *shell*) hold different words. Arrays that differ by a
 * permutation of axes are one ortho. Its canonical form is, among the permutations that put the dims in
 * non-decreasing order, the one whose row-major word sequence is smallest; words compare by their UTF-8 bytes.
 *
 * Nothing here may come from src, and nothing here is fast: an array is filled cell by cell, for every dims vector,
 * sorted or not, so that no argument about symmetry is needed to see that no ortho is lost.
 *
 *     bun tests/support/brute-force.ts FILE [MAX_DIMS]
 */
import { createHash } from "node:crypto";

/**
 * The ortho of greatest volume; then of most cells; then first by dims, number by number; then by canonical words.
 */
export interface BruteForceOptimal {
  /** Lengths of the axes, non-decreasing. */
  dims: number[];
  /** Product of (length - 1) over the axes. */
  volume: number;
  /** Product of the lengths of the axes. */
  cells: number;
  /** The canonical words, row-major, last axis fastest. */
  words: string[];
}

/** Everything that folding a text must give. */
export interface BruteForceResult {
  /** Canonical lines without LF, sorted by UTF-8 bytes: dims joined by `x`, a TAB, the words joined by one space. */
  lines: string[];
  /** Number of orthos by shape, such as `{"2x2": 10, "2x3": 1}`; shapes without orthos are absent. */
  shapes: Record<string, number>;
  /** Number of orthos. */
  orthos: number;
  /** `null` when there are no orthos. */
  optimal: BruteForceOptimal | null;
  /** SHA-256, in hex, of the lines, each ended by LF. */
  digest: string;
}

interface Ortho {
  dims: number[];
  words: string[];
}

/** What a cell must agree with: cells before it in row-major order, by their row-major index. */
interface Cell {
  /** For each axis, the cells from coordinate 0 up to the one before this cell. */
  lines: number[][];
  /** The earlier cells with the same coordinate sum. */
  shell: number[];
}

/** An array with its axes permuted. */
interface Orientation {
  dims: number[];
  /** For each cell, in row-major order, the row-major index it had before. */
  from: number[];
}

/** A phrase, its words joined by one space, to the words that continue it; the empty phrase leads to every word. */
type Continuations = Map<string, Set<string>>;

/**
 * Cuts a text into sentences of lower-case words, in the order of the text, repeats included.
 *
 * A leading byte-order mark is dropped, the text is normalised to NFC, CRLF becomes LF and U+2019 between two
 * alphabetic characters becomes an apostrophe. Paragraphs end at a blank line, sentences at `. ? ; ! ,` as well.
 * Whatever is then neither alphabetic nor white space nor an apostrophe separates words just as white space does.
 *
 * @param text the decoded text
 * @returns no empty sentences and no empty words
 *
 * @example
 * sentencesOf("Don\u2019t stop -- it's 9 o'clock."); // [["don't", "stop", "it's", "o'clock"]]
 */
export function sentencesOf(text: string): string[][] {
  const plain = text
    .replace(/^\uFEFF/u, "")
    .normalize("NFC")
    .replaceAll("\r\n", "\n")
    .replace(/(?<=\p{Alphabetic})\u2019(?=\p{Alphabetic})/gu, "'");
  return plain
    .split("\n\n")
    .flatMap((paragraph) => paragraph.split(/[.?;!,]/u))
    .map((sentence) => sentence.replace(/[^\p{Alphabetic}\p{White_Space}']/gu, " "))
    .map((sentence) => sentence.split(/\p{White_Space}+/u).filter((word) => word !== ""))
    .map((words) => words.map((word) => word.toLowerCase()))
    .filter((words) => words.length > 0);
}

/**
 * Finds every ortho of at most `maxDims` dimensions.
 *
 * @param sentences words as `sentencesOf` gives them; order and repeats do not matter
 * @param maxDims most dimensions of an ortho; `Infinity` for all
 *
 * @example
 * bruteForce([["a", "b"], ["c", "d"], ["a", "c"], ["b", "d"]], 2).lines; // ["2x2\ta b c d"]
 */
export function bruteForce(sentences: string[][], maxDims: number): BruteForceResult {
  const found = new Map<string, Ortho>();
  for (const ortho of everyOrtho(continuationsOf(sentences), maxDims)) found.set(lineOf(ortho), ortho);

  const lines = [...found.keys()].sort(compareBytes);
  const orthos = [...found.values()];
  const shapes: Record<string, number> = {};
  for (const shape of orthos.map((ortho) => ortho.dims.join("x")).sort()) {
    shapes[shape] = (shapes[shape] ?? 0) + 1;
  }
  const digest = createHash("sha256");
  for (const line of lines) digest.update(`${line}\n`);

  return { lines, shapes, orthos: lines.length, optimal: optimalOf(orthos), digest: digest.digest("hex") };
}

function continuationsOf(sentences: string[][]): Continuations {
  const continuations: Continuations = new Map([["", new Set()]]);
  for (const sentence of sentences) {
    for (let start = 0; start < sentence.length; start += 1) {
      for (let end = start; end < sentence.length; end += 1) {
        const phrase = sentence.slice(start, end).join(" ");
        const next = continuations.get(phrase) ?? new Set();
        continuations.set(phrase, next.add(sentence[end]));
      }
    }
  }
  return continuations;
}

/**
 * Every ortho of at most `maxDims` dimensions, many of them several times.
 *
 * Dims grow from 2x2 by one more slice or one more axis. Every sub-box of an ortho that is at least 2 long on each
 * axis is an ortho, so where a dims vector has no array, none that contains it has one.
 */
function* everyOrtho(continuations: Continuations, maxDims: number): Generator<Ortho> {
  const waiting = maxDims >= 2 ? [[2, 2]] : [];
  const seen = new Set(["2x2"]);
  for (let dims = waiting.pop(); dims !== undefined; dims = waiting.pop()) {
    const orientations = orientationsOf(dims);
    let any = false;
    for (const array of arraysOf(dims, continuations)) {
      any = true;
      yield canonical(array, orientations);
    }
    if (!any) continue;
    for (const larger of largerDims(dims, maxDims)) {
      if (!seen.has(larger.join("x"))) waiting.push(larger);
      seen.add(larger.join("x"));
    }
  }
}

function largerDims(dims: number[], maxDims: number): number[][] {
  const longer = dims.map((_, axis) => dims.map((length, other) => (other === axis ? length + 1 : length)));
  return dims.length < maxDims ? [...longer, [...dims, 2]] : longer;
}

/** Every array of these dims, filled in row-major order. */
function* arraysOf(dims: number[], continuations: Continuations): Generator<Ortho> {
  const cells = cellsOf(dims);
  const words: string[] = [];

  function* fillFrom(index: number): Generator<Ortho> {
    const cell = cells[index];
    if (cell === undefined) {
      yield { dims, words: [...words] };
      return;
    }
    for (const word of wordsFor(cell, words, continuations)) {
      words[index] = word;
      yield* fillFrom(index + 1);
    }
  }

  yield* fillFrom(0);
}

function cellsOf(dims: number[]): Cell[] {
  const places = coordinatesOf(dims);
  const indexOf = new Map(places.map((place, index) => [place.join(), index]));
  return places.map((place, index) => ({
    lines: dims.map((_, axis) =>
      Array.from({ length: place[axis] }, (_, step) => indexOf.get(place.with(axis, step).join()) as number),
    ),
    shell: [...places.keys()].filter((other) => other < index && sum(places[other]) === sum(place)),
  }));
}

/** All coordinates of a box in row-major order, last axis fastest. */
function coordinatesOf(dims: number[]): number[][] {
  let places: number[][] = [[]];
  for (const length of dims) {
    places = places.flatMap((place) => Array.from({ length }, (_, coordinate) => [...place, coordinate]));
  }
  return places;
}

/** The words that continue every line through the cell and are new to its shell. */
function wordsFor(cell: Cell, words: string[], continuations: Continuations): string[] {
  const allowed = cell.lines.map(
    (line) => continuations.get(line.map((index) => words[index]).join(" ")) ?? new Set<string>(),
  );
  // Any of the sets would do to start from; the smallest leaves the least to look at.
  const [smallest = new Set<string>()] = allowed.toSorted((a, b) => a.size - b.size);
  return [...smallest].filter(
    (word) => allowed.every((set) => set.has(word)) && cell.shell.every((index) => words[index] !== word),
  );
}

/** The canonical one among the orientations of an array. */
function canonical(array: Ortho, orientations: Orientation[]): Ortho {
  return orientations
    .map(({ dims, from }) => ({ dims, words: from.map((index) => array.words[index]) }))
    .reduce((best, ortho) => (compareWords(ortho.words, best.words) < 0 ? ortho : best));
}

/** The ways to permute the axes of an array so that its dims come out non-decreasing. */
function orientationsOf(dims: number[]): Orientation[] {
  const indexOf = new Map(coordinatesOf(dims).map((place, index) => [place.join(), index]));
  return permutationsOf([...dims.keys()])
    .map((axes) => ({ axes, dims: axes.map((axis) => dims[axis]) }))
    .filter((permuted) => permuted.dims.every((length, axis) => length >= (permuted.dims[axis - 1] ?? 0)))
    .map((permuted) => ({
      dims: permuted.dims,
      from: coordinatesOf(permuted.dims).map((place) => {
        const source = dims.map((_, axis) => place[permuted.axes.indexOf(axis)]);
        return indexOf.get(source.join()) as number;
      }),
    }));
}

function permutationsOf(items: number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) =>
    permutationsOf(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}

function optimalOf(orthos: Ortho[]): BruteForceOptimal | null {
  const ranked = orthos.map(({ dims, words }) => ({
    dims,
    volume: product(dims.map((length) => length - 1)),
    cells: words.length,
    words,
  }));
  if (ranked.length === 0) return null;
  return ranked.reduce((best, ortho) => (compareRank(ortho, best) < 0 ? ortho : best));
}

/** Negative when `a` is the better of two orthos. */
function compareRank(a: BruteForceOptimal, b: BruteForceOptimal): number {
  return b.volume - a.volume || b.cells - a.cells || compareNumbers(a.dims, b.dims) || compareWords(a.words, b.words);
}

function lineOf({ dims, words }: Ortho): string {
  return `${dims.join("x")}\t${words.join(" ")}`;
}

/** By UTF-8 bytes; `<` on strings compares UTF-16 units, which puts characters beyond U+FFFF too early. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function compareWords(a: string[], b: string[]): number {
  for (const [index, word] of a.entries()) {
    const order = compareBytes(word, b[index] ?? "");
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareNumbers(a: number[], b: number[]): number {
  for (const [index, number] of a.entries()) {
    const order = number - (b[index] ?? 0);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function product(numbers: number[]): number {
  return numbers.reduce((total, number) => total * number, 1);
}

/** Prints what a conformance vector holds about a file. */
async function main(path: string, maxDims: number): Promise<void> {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await Bun.file(path).bytes());
  const sentences = sentencesOf(text);
  const { shapes, orthos, optimal, digest } = bruteForce(sentences, maxDims);
  const report = {
    text: path,
    max_dims: Number.isFinite(maxDims) ? maxDims : null,
    sentences: sentences.length,
    distinct_sentences: new Set(sentences.map((words) => words.join(" "))).size,
    tokens: sentences.flat().length,
    vocabulary: new Set(sentences.flat()).size,
    orthos,
    shapes,
    optimal,
    digest,
  };
  console.log(JSON.stringify(report, null, 1));
}

if (import.meta.main) {
  const [path, maxDims] = process.argv.slice(2);
  if (path === undefined) throw new Error("usage: bun tests/support/brute-force.ts FILE [MAX_DIMS]");
  await main(path, maxDims === undefined ? Number.POSITIVE_INFINITY : Number(maxDims));
}
