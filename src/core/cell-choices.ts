import { keepFollowers } from "./bigram-table.ts";
import type { BoxShape } from "./box-shape.ts";
import type { BoxStack } from "./box-stack.ts";
import { type PhraseIndex, signatureIn, signatureOf } from "./phrase-index.ts";
import { DEPTH_WITHOUT_LONG_EDGES } from "./phrase-tree.ts";
import { SharedFollowers } from "./shared-followers.ts";
import { lowerBound, widened } from "./typed.ts";
import type { Wedges } from "./wedges.ts";

/** As a proposer: the words beside the first axis word, for a new axis. */
const BESIDE = 1 << 20;
/** As a proposer: the words that several lines agree on. */
const CHOSEN = BESIDE + 1;

/**
 * The words that may come into each cell of a slice, tried in ascending order.
 *
 * Every line that ends in a cell proposes the words that continue it. The fewest are taken, and thinned out by what
 * the other lines tell cheaply; what is left is tried in earnest, by BoxStack.put.
 */
export class CellChoices {
  /** Words of each cell that is being filled: place of the next, the end, and the axis whose line proposes them. */
  private cursor: Int32Array = new Int32Array(256);
  private limit: Int32Array = new Int32Array(256);
  private proposer: Int32Array = new Int32Array(256);
  /** Words that several lines agree on, on a stack, and where those of each cell start. */
  private chosen: Int32Array = new Int32Array(1024);
  private chosenEnd = 0;
  private chosenFrom: Int32Array = new Int32Array(256);
  /** The words that make a square with the first axis word, sorted: a new axis can begin with no others. */
  private beside: Int32Array = new Int32Array(64);
  private besideCount = 0;
  /** For each word the number of the last row to which it was found beside. */
  private readonly foundFor: Int32Array;
  private rows = 0;
  private readonly shared: SharedFollowers;

  constructor(
    private readonly index: PhraseIndex,
    private readonly box: BoxStack,
  ) {
    this.foundFor = new Int32Array(index.vocabulary);
    this.shared = new SharedFollowers(index);
  }

  /** Begin with the boxes whose first row starts with the origin of the wedges and the word `b`. */
  begin(wedges: Wedges, b: number): void {
    const { first, word } = this.index;
    this.rows++;
    this.besideCount = 0;
    for (let bd = first[b]; bd < first[b + 1]; bd++) {
      const gathering = wedges.numberOf[word[bd]];
      if (gathering < 0) continue;
      for (let at = wedges.from[gathering]; at < wedges.from[gathering + 1]; at++) this.addBeside(wedges.middle[at]);
    }
    this.beside.subarray(0, this.besideCount).sort();
  }

  private addBeside(c: number): void {
    if (this.foundFor[c] === this.rows) return;
    this.foundFor[c] = this.rows;
    if (this.besideCount === this.beside.length) this.beside = widened(this.beside, this.besideCount * 2);
    this.beside[this.besideCount++] = c;
  }

  /** Forget the choices of cells that were left in the middle. */
  clear(): void {
    this.chosenEnd = 0;
  }

  /** Open the first cell of a new axis: words that make a square with the first axis word, none before `smallest`. */
  openAxis(cell: number, smallest: number): void {
    this.set(cell, lowerBound(this.beside, 0, this.besideCount, smallest), this.besideCount, BESIDE);
  }

  /**
   * Open a cell: find the words that may come there.
   *
   * @returns false when there is none: a line has no continuation, or the lines' signatures have nothing in common
   */
  open(child: BoxShape, start: number, cell: number): boolean {
    const { index, box } = this;
    const { axes, layout } = child.base;
    const i = cell - start;
    if (child.height === 2 && layout.partner[i] >= 0) return this.openCorner(child.base, start, cell);
    let node = box.below(child, start, i);
    let length = child.height - 1;
    let fewest = index.continuations(node, length);
    let common = this.signature(node, length);
    let proposer = -1;
    for (let axis = 0; axis < axes && common !== 0; axis++) {
      const before = layout.before[i * axes + axis];
      if (before < 0) continue;
      const line = box.within[axis][start + before];
      const lineLength = layout.at[i * axes + axis];
      const count = index.continuations(line, lineLength);
      common &= this.signature(line, lineLength);
      if (count >= fewest) continue;
      fewest = count;
      node = line;
      length = lineLength;
      proposer = axis;
    }
    if (common === 0 || fewest === 0) return false;
    const onEdge = index.depth[node] > length;
    const from = onEdge ? node : index.first[node];
    this.set(cell, from, from + fewest, onEdge ? -2 - proposer - 1 : proposer);
    return onEdge || fewest < 3 || this.copyProposed(child, start, cell);
  }

  /** Open a cell of a new axis that has a line of one word before it: below another word, it is their corner. */
  private openCorner(slice: BoxShape, start: number, cell: number): boolean {
    const { shared } = this;
    const { words } = this.box;
    const i = cell - start;
    const partner = slice.layout.partner[i];
    const count = shared.find(words[i], words[start + partner]);
    if (count === 0) return false;
    const from = this.chosenEnd;
    this.reserveChosen(from + count);
    for (let k = 0; k < count; k++) this.chosen[from + k] = shared.words[shared.from + k];
    return this.thinOut(slice, start, cell, from + count, partner);
  }

  /** Take the words that a line proposes from the index; false when none is left after a look at the other lines. */
  private copyProposed(child: BoxShape, start: number, cell: number): boolean {
    const { index, box } = this;
    const { axes, layout } = child.base;
    const i = cell - start;
    const proposer = this.proposer[cell];
    const from = this.chosenEnd;
    const node = this.cursor[cell];
    let to = from + this.limit[cell] - node;
    this.reserveChosen(to);
    const { chosen } = this;
    for (let k = from; k < to; k++) chosen[k] = index.word[node + k - from];
    if (proposer >= 0 && child.height === 2) to = keepFollowers(index, box.words[i], chosen, from, to, chosen, from);
    return this.thinOut(child.base, start, cell, to, proposer < 0 ? -1 : layout.before[i * axes + proposer]);
  }

  /**
   * Keep of the words on top of the chosen ones those that may continue the lines within the slice too. Only lines
   * of one word are asked, and only by the filter, but most lines of most boxes are short, and this is a fraction
   * of the cost of `put`.
   *
   * @param to the end of those words
   * @param asked the cell of the slice whose line need not be asked; -1: ask all
   */
  private thinOut(slice: BoxShape, start: number, cell: number, to: number, asked: number): boolean {
    const { axes, layout } = slice;
    const { words } = this.box;
    const { chosen, chosenEnd: from } = this;
    const i = cell - start;
    let end = to;
    for (let axis = 0; axis < axes && end > from; axis++) {
      const before = layout.before[i * axes + axis];
      if (before < 0 || before === asked || layout.at[i * axes + axis] > 1) continue;
      end = keepFollowers(this.index, words[start + before], chosen, from, end, chosen, from);
    }
    this.set(cell, from, end, CHOSEN);
    this.chosenFrom[cell] = from;
    this.chosenEnd = end;
    return end > from;
  }

  /** Signature of the words that continue a line. */
  private signature(node: number, length: number): number {
    const { depth, follow, place, tokens } = this.index;
    if (depth[node] > length) return signatureOf(tokens[place[node] + length]);
    // On a longer edge `follow` tells of the edge and not of what comes after it.
    return length <= DEPTH_WITHOUT_LONG_EDGES ? signatureIn(follow[node]) : -1;
  }

  /** Put the next word that fits into a cell; false when there is none left. */
  next(child: BoxShape, start: number, cell: number): boolean {
    const { box } = this;
    const i = cell - start;
    const shell = child.base.layout.shell[i] + child.height - 1;
    const proposer = this.proposer[cell];
    while (this.cursor[cell] < this.limit[cell]) {
      const word = this.wordAt(this.cursor[cell]++, proposer, child, i);
      if (proposer === BESIDE && !this.mayBeAxis(word)) continue;
      if (box.differs(word, shell, cell) && box.put(child, start, cell, word)) return true;
    }
    if (proposer === CHOSEN) this.chosenEnd = this.chosenFrom[cell];
    return false;
  }

  private wordAt(at: number, proposer: number, child: BoxShape, i: number): number {
    if (proposer === CHOSEN) return this.chosen[at];
    if (proposer === BESIDE) return this.beside[at];
    const { index } = this;
    if (proposer > -2) return index.word[at];
    const axis = -3 - proposer;
    const length = axis < 0 ? child.height - 1 : child.base.layout.at[i * child.base.axes + axis];
    return index.tokens[index.place[at] + length];
  }

  /** The word may make a square with every axis word. */
  private mayBeAxis(word: number): boolean {
    const { axisWords } = this.box;
    const { follow } = this.index;
    const signature = signatureIn(follow[word]);
    for (let axis = 0; axis < axisWords.length; axis++) {
      if ((signatureIn(follow[axisWords[axis]]) & signature) === 0) return false;
    }
    return true;
  }

  /** Whether any word follows both, as far as their signatures tell; asks less than `haveCorner`. */
  mayHaveCorner(u: number, v: number): boolean {
    const { follow } = this.index;
    return (signatureIn(follow[u]) & signatureIn(follow[v])) !== 0;
  }

  /** Whether any word follows both. */
  haveCorner(u: number, v: number): boolean {
    return this.shared.find(u, v) > 0;
  }

  private set(cell: number, from: number, to: number, proposer: number): void {
    if (cell >= this.cursor.length) {
      for (const name of ["cursor", "limit", "proposer", "chosenFrom"] as const) {
        this[name] = widened(this[name], cell * 2);
      }
    }
    this.cursor[cell] = from;
    this.limit[cell] = to;
    this.proposer[cell] = proposer;
  }

  private reserveChosen(words: number): void {
    if (words > this.chosen.length) this.chosen = widened(this.chosen, words * 2);
  }
}
