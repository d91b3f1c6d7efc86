import { keepFollowers } from "./bigram-table.ts";
import type { BoxShape } from "./box-shape.ts";
import { type PhraseIndex, signatureIn, signatureOf } from "./phrase-index.ts";
import { DEPTH_WITHOUT_LONG_EDGES } from "./phrase-tree.ts";
import type { Tally } from "./tally.ts";
import { AXES, LAST, NODE_BITS, SLICES } from "./tree-code.ts";
import type { TreeWriter } from "./tree-writer.ts";
import type { Wedges } from "./wedges.ts";

/** What to do with a full slice: walk the child, or keep the slice for later. */
const VISITS = 0;
const COLLECTS = 1;

/** As a proposer: the words beside the first axis word, for a new axis. */
const BESIDE = 1 << 20;
/** As a proposer: the words that several lines agree on. */
const THINNED = BESIDE + 1;

/** Called now and then during a long walk; may throw to end it. */
export type Poll = () => void;

/**
 * Grows boxes of any dims, slice by slice: the general part of the walk, for whatever has more than two rows.
 *
 * A box grows only along its last axis, or gets a new last axis of length 2; the order of the axes (longest
 * first, ties by the word beside the origin) must hold after each step. So every box is made once, from the box
 * without its last slice. Boxes lie on one stack: a slice is pushed, walked, and popped.
 */
export class BoxWalk {
  private words: Int32Array = new Int32Array(256);
  private shells: Int32Array = new Int32Array(256);
  /** Node of the line along the last axis that ends in each cell; valid in the last slice. */
  private along: Int32Array = new Int32Array(256);
  /** Nodes of the lines within a slice, by axis. */
  private readonly within: Int32Array[] = [];
  /** Candidates of each cell that is being filled: place, end, and the axis whose line proposes them. */
  private cursor: Int32Array = new Int32Array(256);
  private limit: Int32Array = new Int32Array(256);
  private proposer: Int32Array = new Int32Array(256);
  /** Words proposed by several lines together, on a stack, and where those of a cell start. */
  private thinned: Int32Array = new Int32Array(1024);
  private thinnedEnd = 0;
  private thinnedFrom: Int32Array = new Int32Array(256);
  /** The words beside the origin, by axis. */
  private readonly axisWords: number[] = [];
  /** The words that make a square with the first of these, sorted: a new axis can begin with no others. */
  private beside: Int32Array = new Int32Array(64);
  private besideCount = 0;
  /** For each word the number of the last row to which it was found beside. */
  private readonly foundFor: Int32Array;
  private rows = 0;
  /** Slices along a new axis that are still to be walked, word by word, on a stack. */
  private slices: Int32Array = new Int32Array(1024);
  private slicesEnd = 0;
  /** The slices of the box on top and of its siblings there, which start the slices of the next axis. */
  private seedFrom = 0;
  private seedTo = 0;
  private seedCells = 0;
  private cells = 0;
  private steps = 0;

  constructor(
    private readonly index: PhraseIndex,
    private readonly maxDims: number,
    private readonly tally: Tally,
    private readonly writer: TreeWriter | null,
    private readonly poll: Poll,
    private readonly random: (() => number) | null,
  ) {
    this.foundFor = new Int32Array(index.vocabulary);
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
    if (this.besideCount === this.beside.length) {
      const wider = new Int32Array(this.besideCount * 2);
      wider.set(this.beside);
      this.beside = wider;
    }
    this.beside[this.besideCount++] = c;
  }

  /**
   * Put a two-dimensional box on the stack.
   *
   * @param words in memory order, rows of `shape.dims[0]` words
   * @param along node of each column, in the order of the last row
   */
  load(shape: BoxShape, words: ArrayLike<number>, along: ArrayLike<number>): void {
    this.reserve(shape.cells * 2);
    const width = shape.dims[0];
    for (let i = 0; i < shape.cells; i++) {
      this.words[i] = words[i];
      this.shells[i] = shape.shell[i];
    }
    for (let i = 0; i < width; i++) this.along[shape.cells - width + i] = along[i];
    this.cells = shape.cells;
    // Where the last walk was ended early, something may be left on the stacks.
    this.slicesEnd = 0;
    this.thinnedEnd = 0;
    this.seedCells = 0;
    this.axisWords.length = 0;
    this.axisWords.push(words[1], words[width]);
  }

  /** Walk all descendants of the box on the stack; returns which lists of children were written, as flags. */
  descend(shape: BoxShape): number {
    let lists = 0;
    if (this.maySlice(shape) && this.children(shape, shape.taller)) lists |= SLICES;
    if (this.deepen(shape)) lists |= AXES;
    return lists;
  }

  /** Walk only the descendants with one axis more; true when any was written. */
  deepen(shape: BoxShape): boolean {
    return shape.axes < this.maxDims && this.children(shape, shape.deeper);
  }

  /** True when the box stays in order with one slice more. */
  private maySlice(shape: BoxShape): boolean {
    const taller = shape.height + 1;
    const previous = shape.dims[shape.axes - 2];
    if (taller !== previous) return taller < previous;
    return this.axisWords[shape.axes - 1] > this.axisWords[shape.axes - 2];
  }

  /** Make all children with one slice more, along the last axis or a new one; true when any was written. */
  private children(shape: BoxShape, child: BoxShape): boolean {
    this.reserve(this.cells + child.base.cells + 1);
    let lastAt: number;
    if (child.axes === shape.axes) {
      lastAt = this.open(child, this.cells, this.cells) ? this.fill(child, this.cells, this.cells, VISITS) : -1;
    } else {
      const smallest = shape.height === 2 ? this.axisWords[shape.axes - 1] + 1 : 0;
      lastAt = child.axes < this.maxDims ? this.siblings(child, smallest) : this.fillNewAxis(child, smallest, VISITS);
    }
    if (lastAt >= 0) this.writer?.flag(lastAt, LAST);
    return lastAt >= 0;
  }

  /**
   * The children with a new axis, where these may get one more: all slices first, then each child with its
   * descendants. A slice along the next axis has to start with the slice of a sibling, so siblings propose.
   */
  private siblings(child: BoxShape, smallest: number): number {
    const { seedFrom, seedTo, seedCells, cells: start } = this;
    const from = this.slicesEnd;
    this.fillNewAxis(child, smallest, COLLECTS);
    const to = this.slicesEnd;
    const width = child.base.cells;
    this.seedFrom = from;
    this.seedTo = to;
    this.seedCells = width;
    let lastAt = -1;
    if (this.random !== null) {
      this.sample(child, from, to, this.random);
    } else {
      for (let at = from; at < to; at += width) {
        for (let i = 0; i < width; i++) this.put(child, start, start + i, this.slices[at + i]);
        const placed = this.visit(child, start, true);
        if (placed >= 0) lastAt = placed;
      }
    }
    this.slicesEnd = from;
    this.seedFrom = seedFrom;
    this.seedTo = seedTo;
    this.seedCells = seedCells;
    return lastAt;
  }

  /** Count all the children that were collected, and walk one of them in the name of all. */
  private sample(child: BoxShape, from: number, to: number, random: () => number): void {
    const { tally, cells: start } = this;
    const width = child.base.cells;
    const count = (to - from) / width;
    if (count === 0) return;
    for (let i = 1; i < count; i++) tally.addBox(child);
    const at = from + Math.floor(random() * count) * width;
    for (let i = 0; i < width; i++) this.put(child, start, start + i, this.slices[at + i]);
    tally.addBox(child);
    tally.scale *= count;
    this.cells = start + width;
    this.axisWords.push(this.words[start]);
    this.descend(child);
    this.axisWords.pop();
    this.cells = start;
    tally.scale /= count;
  }

  /** Fill the first slice of a new axis in all ways; no word before `smallest` may begin it. */
  private fillNewAxis(child: BoxShape, smallest: number, then: number): number {
    const start = this.cells;
    const { seedTo, seedCells } = this;
    if (seedCells === 0) {
      this.openAxis(start, smallest);
      return this.fill(child, start, start, then);
    }
    let lastAt = -1;
    for (let seed = this.seedFrom; seed < seedTo; seed += seedCells) {
      if (this.slices[seed] < smallest || !this.plant(child, start, seed)) continue;
      if (!this.open(child, start, start + seedCells)) continue;
      const at = this.fill(child, start, start + seedCells, then);
      if (at >= 0) lastAt = at;
    }
    return lastAt;
  }

  /** Start a slice with the slice of a sibling; false when that can't be. */
  private plant(child: BoxShape, start: number, seed: number): boolean {
    const { slices, words, seedCells: width } = this;
    const { follow } = this.index;
    for (let i = 0; i < width; i++) {
      if ((signatureIn(follow[slices[seed + i]]) & signatureIn(follow[words[width + i]])) === 0) return false;
    }
    const { shell } = child.base;
    for (let i = 0; i < width; i++) if (!this.differs(slices[seed + i], shell[i] + 1, start)) return false;
    for (let i = 0; i < width; i++) if (!this.put(child, start, start + i, slices[seed + i])) return false;
    return true;
  }

  /** Fill a slice from cell `first` on, which is open, in all ways; returns where the last child was written. */
  private fill(child: BoxShape, start: number, first: number, then: number): number {
    const end = start + child.base.cells;
    let lastAt = -1;
    let cell = first;
    while (cell >= first) {
      if (!this.next(child, start, cell)) {
        cell--;
      } else if (cell + 1 < end) {
        if (this.open(child, start, cell + 1)) cell++;
      } else if (then === COLLECTS) {
        this.collect(start, end);
      } else {
        const at = this.visit(child, start, child.height === 2);
        if (at >= 0) lastAt = at;
      }
    }
    if ((++this.steps & 0xfff) === 0) this.poll();
    return lastAt;
  }

  private collect(start: number, end: number): void {
    if (this.slicesEnd + end - start > this.slices.length) {
      const wider = new Int32Array((this.slicesEnd + end - start) * 2);
      wider.set(this.slices);
      this.slices = wider;
    }
    for (let cell = start; cell < end; cell++) this.slices[this.slicesEnd++] = this.words[cell];
  }

  /** Node of the line along the growing axis before cell `i` of the slice; its length is `child.height - 1`. */
  private below(child: BoxShape, start: number, i: number): number {
    return child.height === 2 ? this.words[i] : this.along[start - child.base.cells + i];
  }

  /** The first cell of a new axis: words that make a square with the first axis word, none before `smallest`. */
  private openAxis(cell: number, smallest: number): void {
    let from = 0;
    let to = this.besideCount;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.beside[middle] < smallest) from = middle + 1;
      else to = middle;
    }
    this.cursor[cell] = from;
    this.limit[cell] = this.besideCount;
    this.proposer[cell] = BESIDE;
  }

  /**
   * Choose the line with the fewest continuations to propose words for a cell; false when a line has none, or when
   * the lines' signatures tell that no word continues all of them.
   */
  private open(child: BoxShape, start: number, cell: number): boolean {
    const { index } = this;
    const slice = child.base;
    const i = cell - start;
    let node = this.below(child, start, i);
    let length = child.height - 1;
    let fewest = index.continuations(node, length);
    let common = this.signature(node, length);
    let proposer = -1;
    const axes = slice.axes;
    for (let axis = 0; axis < axes && common !== 0; axis++) {
      const before = slice.before[i * axes + axis];
      if (before < 0) continue;
      const line = this.within[axis][start + before];
      const lineLength = slice.at[i * axes + axis];
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
    this.cursor[cell] = onEdge ? node : index.first[node];
    this.limit[cell] = this.cursor[cell] + fewest;
    this.proposer[cell] = onEdge ? -2 - proposer - 1 : proposer;
    return onEdge || fewest < 3 || this.thinOut(child, start, cell, proposer);
  }

  /**
   * Keep of the proposed words those that may continue the other lines too. Only lines of one word are asked, and
   * only by the filter, but most lines of most boxes are short, and this is a fraction of the cost of `put`.
   */
  private thinOut(child: BoxShape, start: number, cell: number, proposer: number): boolean {
    const { index } = this;
    const slice = child.base;
    const i = cell - start;
    const from = this.thinnedEnd;
    const proposed = this.limit[cell] - this.cursor[cell];
    if (from + proposed > this.thinned.length) this.thinned = widened(this.thinned, (from + proposed) * 2);
    const { thinned } = this;
    for (let k = 0; k < proposed; k++) thinned[from + k] = index.word[this.cursor[cell] + k];
    let to = from + proposed;
    if (proposer >= 0 && child.height === 2) to = keepFollowers(index, this.words[i], thinned, from, to, thinned, from);
    for (let axis = 0; axis < slice.axes && to > from; axis++) {
      const before = slice.before[i * slice.axes + axis];
      if (before < 0 || axis === proposer || slice.at[i * slice.axes + axis] > 1) continue;
      to = keepFollowers(index, this.words[start + before], thinned, from, to, thinned, from);
    }
    this.cursor[cell] = from;
    this.limit[cell] = to;
    this.proposer[cell] = THINNED;
    this.thinnedFrom[cell] = from;
    this.thinnedEnd = to;
    return to > from;
  }

  /** Signature of the words that continue a line. */
  private signature(node: number, length: number): number {
    const { depth, follow, place, tokens } = this.index;
    if (depth[node] > length) return signatureOf(tokens[place[node] + length]);
    // On a longer edge `follow` tells of the edge and not of what comes after it.
    return length <= DEPTH_WITHOUT_LONG_EDGES ? signatureIn(follow[node]) : -1;
  }

  /** Put the next word that fits into a cell; false when there is none left. */
  private next(child: BoxShape, start: number, cell: number): boolean {
    const { index } = this;
    const slice = child.base;
    const i = cell - start;
    const shell = slice.shell[i] + child.height - 1;
    const proposer = this.proposer[cell];
    while (this.cursor[cell] < this.limit[cell]) {
      const node = this.cursor[cell]++;
      let word: number;
      if (proposer === BESIDE) word = this.beside[node];
      else if (proposer === THINNED) word = this.thinned[node];
      else if (proposer > -2) word = index.word[node];
      else word = index.tokens[index.place[node] + this.edgeLength(child, slice, i, proposer)];
      if (proposer === BESIDE && !this.mayBeAxis(word)) continue;
      if (!this.differs(word, shell, cell)) continue;
      if (this.put(child, start, cell, word)) return true;
    }
    if (proposer === THINNED) this.thinnedEnd = this.thinnedFrom[cell];
    return false;
  }

  /** The word may make a square with every axis word. */
  private mayBeAxis(word: number): boolean {
    const { follow } = this.index;
    const signature = signatureIn(follow[word]);
    for (let axis = 0; axis < this.axisWords.length; axis++) {
      if ((signatureIn(follow[this.axisWords[axis]]) & signature) === 0) return false;
    }
    return true;
  }

  private edgeLength(child: BoxShape, slice: BoxShape, i: number, proposer: number): number {
    const axis = -3 - proposer;
    return axis < 0 ? child.height - 1 : slice.at[i * slice.axes + axis];
  }

  /** No cell of the same shell holds the word. */
  private differs(word: number, shell: number, cell: number): boolean {
    const { words, shells } = this;
    for (let other = 0; other < cell; other++) {
      if (words[other] === word && shells[other] === shell) return false;
    }
    return true;
  }

  /** Put a word into a cell; false when some line through the cell is no phrase then. */
  private put(child: BoxShape, start: number, cell: number, word: number): boolean {
    const { index } = this;
    const slice = child.base;
    const i = cell - start;
    const along = index.step(this.below(child, start, i), child.height - 1, word);
    if (along < 0) return false;
    const axes = slice.axes;
    for (let axis = 0; axis < axes; axis++) {
      const before = slice.before[i * axes + axis];
      let node = word;
      if (before >= 0) node = index.step(this.within[axis][start + before], slice.at[i * axes + axis], word);
      if (node < 0) return false;
      this.within[axis][cell] = node;
    }
    this.words[cell] = word;
    this.shells[cell] = slice.shell[i] + child.height - 1;
    this.along[cell] = along;
    return true;
  }

  /** Count, write and walk a finished child; returns where its flags are, -1 when nothing of it was kept. */
  private visit(child: BoxShape, start: number, isNewAxis: boolean): number {
    const { tally, writer } = this;
    const slice = child.base;
    const emitted = tally.orthos;
    const mark = writer !== null && child.volume < tally.minVolume ? writer.mark() : null;
    tally.addBox(child);
    if (tally.mayWin(child.volume, child.cells, this.words[0], this.words[1])) this.offer(child);
    if ((++this.steps & 0x3fff) === 0) this.poll();
    const at = writer === null ? 0 : this.write(writer, child, start);
    this.cells = start + slice.cells;
    if (isNewAxis) this.axisWords.push(this.words[start]);
    const lists = this.descend(child);
    if (isNewAxis) this.axisWords.pop();
    this.cells = start;
    if (tally.orthos === emitted) {
      if (mark !== null) writer?.rewind(mark);
      return -1;
    }
    writer?.flag(at, lists);
    return at;
  }

  private offer(child: BoxShape): void {
    this.tally.offer(child.dims.toReversed(), Array.from(this.words.subarray(0, child.cells)));
  }

  private write(writer: TreeWriter, child: BoxShape, start: number): number {
    const slice = child.base;
    const at = writer.length;
    for (let i = 0; i < slice.cells; i++) {
      const cell = start + i;
      const bits = i === 0 ? NODE_BITS : 0;
      const column = slice.at[i * slice.axes];
      if (column > 0) writer.cell(this.within[0][cell - 1], this.within[0][cell], column, this.words[cell], bits);
      else writer.cell(this.below(child, start, i), this.along[cell], child.height - 1, this.words[cell], bits);
    }
    return at;
  }

  private reserve(cells: number): void {
    while (this.within.length < this.axisWords.length + 3) this.within.push(new Int32Array(this.words.length));
    if (cells <= this.words.length) return;
    const size = cells * 2;
    const widen = (array: Int32Array) => widened(array, size);
    this.thinnedFrom = widen(this.thinnedFrom);
    this.words = widen(this.words);
    this.shells = widen(this.shells);
    this.along = widen(this.along);
    this.cursor = widen(this.cursor);
    this.limit = widen(this.limit);
    this.proposer = widen(this.proposer);
    for (let axis = 0; axis < this.within.length; axis++) this.within[axis] = widen(this.within[axis]);
  }
}

function widened(array: Int32Array, size: number): Int32Array {
  const wider = new Int32Array(size);
  wider.set(array);
  return wider;
}
