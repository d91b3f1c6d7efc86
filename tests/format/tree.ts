// The tree code, section 9 of FORMAT.md; part of the second reader (reader.ts).
import type { Cells } from "./cells.ts";
import { Input, insist } from "./wire.ts";

// Flags of a record's or a pair's kind, of a group, of a member, of a box.
const longer = 1;
const slices = 2;
const axes = 4;
const last = 1;
const hasKind = 2;
const boxBits = 3;

interface Square {
  readonly cells: readonly [number, number, number, number];
  readonly ordered: boolean;
}

interface Gathering {
  readonly end: number;
  readonly middles: readonly number[];
}

interface Tree {
  /** The format of the chunk: section 13 tells how blocks and gatherings of format 1 differ. */
  readonly format: 1 | 2;
  readonly input: Input;
  readonly words: readonly string[];
  readonly cells: Cells;
  /** What is still to read, the next at the end: section 11 asks for a stack of one's own. */
  readonly stack: (() => void)[];
  readonly visit: (dims: readonly number[], cells: readonly number[]) => void;
}

/** "Cells in their context". */
function readCell(tree: Tree, context: readonly number[], bits = 0): { word: number; flags: number } {
  const value = tree.input.varint();
  const flags = value % 2 ** bits;
  const number = (value - flags) / 2 ** bits;
  return { word: tree.cells.word(context, number, tree.input), flags };
}

/** "Pairs": what is below the pair of rows `upper` and `lower`. */
function readBelow(tree: Tree, upper: readonly number[], lower: readonly number[], kind: number): void {
  readBoxes(tree, [upper.length, 2], [...upper, ...lower], kind);
  if (kind & longer) tree.stack.push(() => readGroup(tree, upper, lower));
}

function readGroup(tree: Tree, upper: readonly number[], lower: readonly number[]): void {
  const { word, flags } = readCell(tree, lower, 1);
  if (!(flags & last)) tree.stack.push(() => readGroup(tree, upper, lower));
  tree.stack.push(() => readMember(tree, upper, lower, word));
}

function readMember(tree: Tree, upper: readonly number[], lower: readonly number[], f: number): void {
  const { word, flags } = readCell(tree, upper, 2);
  if (!(flags & last)) tree.stack.push(() => readMember(tree, upper, lower, f));
  const longerUpper = [...upper, word];
  const longerLower = [...lower, f];
  tree.visit([longerUpper.length, 2], [...longerUpper, ...longerLower]);
  if (!(flags & hasKind)) return;
  const kind = tree.input.varint();
  insist(kind >= 1 && kind <= 7, "a kind of 0 or above 7");
  readBelow(tree, longerUpper, longerLower, kind);
}

/** "Boxes": the lists of children of an array, SLICES first. */
function readBoxes(tree: Tree, dims: readonly number[], cells: readonly number[], flags: number): void {
  if (flags & axes) {
    insist(dims.length < 64, "more than 64 axes");
    tree.stack.push(() => readBox(tree, [...dims, 2], cells));
  }
  if (flags & slices) {
    const length = dims[dims.length - 1];
    insist(length < dims[dims.length - 2], "a slice more on an axis as long as the one before");
    tree.stack.push(() => readBox(tree, [...dims.slice(0, -1), length + 1], cells));
  }
}

function readBox(tree: Tree, dims: readonly number[], parent: readonly number[]): void {
  const size = dims.slice(0, -1).reduce((product, length) => product * length, 1);
  insist(size <= tree.input.left, "more cells than bytes");
  const slice: number[] = [];
  let boxFlags = 0;
  for (let i = 0; i < size; i++) {
    const column = i % dims[0];
    const context = column === 0 ? parent.filter((_, at) => at % size === i) : slice.slice(i - column);
    const { word, flags } = readCell(tree, context, i === 0 ? boxBits : 0);
    if (i === 0) boxFlags = flags;
    slice.push(word);
  }
  if (!(boxFlags & last)) tree.stack.push(() => readBox(tree, dims, parent));
  const cells = [...parent, ...slice];
  tree.visit(dims, cells);
  readBoxes(tree, dims, cells, boxFlags);
}

/** "Section": the squares of `a b`, by number. */
function squaresOf(a: number, b: number, gatherings: readonly Gathering[]): Square[] {
  const squares: Square[] = [];
  for (const { end, middles } of gatherings) {
    const place = middles.indexOf(b);
    if (place < 0) continue;
    for (const [i, c] of middles.entries())
      if (i !== place) squares.push({ cells: [a, b, c, end], ordered: i > place });
  }
  return squares;
}

function readSection(tree: Tree, a: number, gatherings: readonly Gathering[]): void {
  const { input } = tree;
  const squares = squaresOf(a, readCell(tree, [a]).word, gatherings);
  const from = input.varint();
  let next = from;
  for (let record = input.varint(); record !== 0; record = input.varint()) {
    const kind = record % 8;
    insist(kind !== 0, "a record of kind 0");
    const at = next + (record - kind) / 8;
    insist(at < squares.length, "a record beyond the section's squares");
    const { cells, ordered } = squares[at];
    insist(ordered || !(kind & axes), "AXES of a square that is not ordered");
    readBelow(tree, cells.slice(0, 2), cells.slice(2), kind);
    for (let step = tree.stack.pop(); step !== undefined; step = tree.stack.pop()) step();
    next = at + 1;
  }
  const until = input.varint();
  insist(from <= until && next <= until && until <= squares.length, "until is out of range");
  for (const { cells, ordered } of squares.slice(from, until)) if (ordered) tree.visit([2, 2], cells);
}

/** The origin word of a block. */
function readOrigin({ format, input, words }: Tree): number {
  if (format === 1) return input.below(words.length);
  const word = words.indexOf(input.text());
  insist(word >= 0, "an origin word that the sentences do not hold");
  return word;
}

function readGathering(tree: Tree, a: number, size: number): Gathering {
  insist(size >= 2, "a gathering of one word");
  const { format, input, words } = tree;
  const first = format === 1 ? input.below(words.length) : undefined;
  const middles = Array.from({ length: size }, () => readCell(tree, [a]).word);
  return { end: first ?? readCell(tree, middles.slice(0, 1)).word, middles };
}

function readBlock(tree: Tree): void {
  const { input } = tree;
  const a = readOrigin(tree);
  const gatherings: Gathering[] = [];
  for (let size = input.count(); size !== 0; size = input.count()) gatherings.push(readGathering(tree, a, size));
  for (let more = input.varint(); more !== 0; more = input.varint()) {
    insist(more === 1, "neither a section nor the end of them");
    readSection(tree, a, gatherings);
  }
}

interface TreeOptions {
  readonly format: 1 | 2;
  readonly words: readonly string[];
  readonly cells: Cells;
  readonly minVolume: number;
  /** How many orthos there may be. */
  readonly limit: number;
}

/** The canonical lines of all orthos in a tree code; throws when there are more than `limit`. */
export function readTree(code: Uint8Array, options: TreeOptions): string[] {
  const { format, words, cells: coded, minVolume, limit } = options;
  const lines: string[] = [];
  function visit(dims: readonly number[], cells: readonly number[]): void {
    if (dims.reduce((product, length) => product * (length - 1), 1) < minVolume) return;
    insist(lines.length < limit, "more orthos than the head says");
    lines.push(`${dims.toReversed().join("x")}\t${cells.map((cell) => words[cell]).join(" ")}`);
  }
  const tree: Tree = { format, input: new Input(code), words, cells: coded, stack: [], visit };
  while (tree.input.left > 0) readBlock(tree);
  return lines;
}
