import type { BoxShape } from "./box-shape.ts";
import { BoxStack } from "./box-stack.ts";
import { CellChoices } from "./cell-choices.ts";
import type { PhraseIndex } from "./phrase-index.ts";
import type { Tally } from "./tally.ts";
import { AXES, LAST, NODE_BITS, SLICES } from "./tree-code.ts";
import type { TreeWriter } from "./tree-writer.ts";
import { widened } from "./typed.ts";
import type { Wedges } from "./wedges.ts";

/** What to do with a full slice: walk the child, or keep the slice for later. */
const VISITS = 0;
const COLLECTS = 1;

/** Words of slices that are kept for later, at most: 32 MB. A box may have any number of slices along a new axis. */
const MOST_KEPT_WORDS = 1 << 23;

/** Called now and then during a long walk; may throw to end it. */
export type Poll = () => void;

/** How a walk is sampled. */
export interface Sampling {
  /** A random number from 0 up to 1: of boxes with a new axis one is followed in the name of all. */
  readonly random: () => number;
  /** Milliseconds since any moment. */
  readonly now: () => number;
  /** The part of the boxes of two dimensions that are grown into more, in the name of all. */
  share: number;
  /** What that has taken, and how many orthos were looked at. */
  deep_ms: number;
  deepVisited: number;
}

/** What a walk over boxes may be told besides its text. */
export interface BoxWalkOptions {
  /** null for a walk to everything. */
  readonly sampling?: Sampling | null;
  /** Words of slices that are kept for later, at most. */
  readonly mostKeptWords?: number | undefined;
}

/**
 * Grows boxes of any dims, slice by slice: the general part of the walk, for whatever has more than two rows.
 *
 * A box grows only along its last axis, or gets a new last axis of length 2; the order of the axes (longest
 * first, ties by the word beside the origin) must hold after each step. So every box is made once, from the box
 * without its last slice. Boxes lie on one stack: a slice is pushed, walked, and popped.
 */
export class BoxWalk {
  private readonly box: BoxStack;
  private readonly choices: CellChoices;
  /** Slices along a new axis that are still to be walked, word by word, on a stack. */
  private slices: Int32Array = new Int32Array(1024);
  private slicesEnd = 0;
  /** How many slices of the last axis there was no room for, and one of them by chance, of a walk that is sampled. */
  private unkept = 0;
  private drawn: Int32Array = new Int32Array(0);
  /** The slices of the box on top and of its siblings there, which start the slices of the next axis. */
  private seedFrom = 0;
  private seedTo = 0;
  private seedCells = 0;
  private steps = 0;
  private readonly sampling: Sampling | null;
  private readonly mostKeptWords: number;

  constructor(
    index: PhraseIndex,
    private readonly maxDims: number,
    private readonly tally: Tally,
    private readonly writer: TreeWriter | null,
    private readonly poll: Poll,
    { sampling = null, mostKeptWords = MOST_KEPT_WORDS }: BoxWalkOptions,
  ) {
    this.sampling = sampling;
    this.mostKeptWords = mostKeptWords;
    this.box = new BoxStack(index);
    this.choices = new CellChoices(index, this.box);
  }

  /** Begin with the boxes whose first row starts with the origin of the wedges and the word `b`. */
  begin(wedges: Wedges, b: number): void {
    this.choices.begin(wedges, b);
  }

  /** Put a two-dimensional box on the stack; see BoxStack.load. */
  load(shape: BoxShape, words: ArrayLike<number>, along: ArrayLike<number>): void {
    this.box.load(shape, words, along);
    // Where the last walk was ended early, something may be left on the stacks.
    this.choices.clear();
    this.slicesEnd = 0;
    this.seedCells = 0;
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
    if (shape.axes >= this.maxDims) return false;
    if (this.sampling === null || shape.axes > 2) return this.children(shape, shape.deeper);
    this.deepenSome(shape, this.sampling);
    return false;
  }

  /** Some boxes of two dimensions stand for all: one alone may have more above it than there is time for. */
  private deepenSome(shape: BoxShape, sampling: Sampling): void {
    if (sampling.random() >= sampling.share) return;
    const { tally } = this;
    const { scale, visited } = tally;
    const started = sampling.now();
    tally.scale = scale / sampling.share;
    this.children(shape, shape.deeper);
    tally.scale = scale;
    sampling.deep_ms += sampling.now() - started;
    sampling.deepVisited += tally.visited - visited;
  }

  /** True when the box stays in order with one slice more. */
  private maySlice(shape: BoxShape): boolean {
    const taller = shape.height + 1;
    const previous = shape.dims[shape.axes - 2];
    if (taller !== previous) return taller < previous;
    const { axisWords } = this.box;
    return axisWords[shape.axes - 1] > axisWords[shape.axes - 2];
  }

  /** Make all children with one slice more, along the last axis or a new one; true when any was written. */
  private children(shape: BoxShape, child: BoxShape): boolean {
    const { box } = this;
    box.reserve(box.cells + child.base.cells);
    let lastAt = -1;
    if (child.axes === shape.axes) {
      if (this.choices.open(child, box.cells, box.cells)) lastAt = this.fill(child, box.cells, box.cells, VISITS);
    } else {
      const smallest = shape.height === 2 ? box.axisWords[shape.axes - 1] + 1 : 0;
      lastAt = child.axes < this.maxDims ? this.siblings(child, smallest) : this.fillNewAxis(child, smallest, VISITS);
    }
    if (lastAt >= 0) this.writer?.flag(lastAt, LAST);
    return lastAt >= 0;
  }

  /**
   * The children with a new axis, where these may get one more: all slices first, then each child with its
   * descendants. A slice along the next axis has to start with the slice of a sibling, so siblings propose. Where
   * there are too many of them to be kept, they are made again, each is walked at once, and nobody proposes.
   */
  private siblings(child: BoxShape, smallest: number): number {
    const { seedFrom, seedTo, seedCells } = this;
    const from = this.slicesEnd;
    this.unkept = 0;
    this.fillNewAxis(child, smallest, COLLECTS);
    const to = this.slicesEnd;
    const { unkept } = this;
    let lastAt = -1;
    if (unkept > 0 && this.sampling === null) {
      this.slicesEnd = from;
      lastAt = this.fillNewAxis(child, smallest, VISITS);
    } else {
      this.seedFrom = from;
      this.seedTo = to;
      this.seedCells = unkept > 0 ? 0 : child.base.cells;
      if (this.sampling === null) lastAt = this.visitKept(child, from, to);
      else this.sample(child, from, to, unkept, this.sampling);
    }
    this.slicesEnd = from;
    this.seedFrom = seedFrom;
    this.seedTo = seedTo;
    this.seedCells = seedCells;
    return lastAt;
  }

  private visitKept(child: BoxShape, from: number, to: number): number {
    const { box } = this;
    const start = box.cells;
    const width = child.base.cells;
    let lastAt = -1;
    for (let at = from; at < to; at += width) {
      for (let i = 0; i < width; i++) box.put(child, start, start + i, this.slices[at + i]);
      const placed = this.visit(child, start, true);
      if (placed >= 0) lastAt = placed;
    }
    return lastAt;
  }

  /** Count all the children that were collected, and those that were not kept; walk one of them in the name of all. */
  private sample(child: BoxShape, from: number, to: number, unkept: number, { random }: Sampling): void {
    const { tally, box } = this;
    const start = box.cells;
    const width = child.base.cells;
    const kept = (to - from) / width;
    const count = kept + unkept;
    if (count === 0) return;
    const chosen = Math.floor(random() * count);
    const [words, at] = chosen < kept ? [this.slices, from + chosen * width] : [this.drawn, 0];
    for (let i = 0; i < width; i++) box.put(child, start, start + i, words[at + i]);
    tally.addBoxes(child, count);
    tally.scale *= count;
    box.cells = start + width;
    box.axisWords.push(box.words[start]);
    this.descend(child);
    box.axisWords.pop();
    box.cells = start;
    tally.scale /= count;
  }

  /** Fill the first slice of a new axis in all ways; no word before `smallest` may begin it. */
  private fillNewAxis(child: BoxShape, smallest: number, then: number): number {
    const { seedFrom, seedTo, seedCells } = this;
    const start = this.box.cells;
    // They propose for this axis, and for none behind it.
    this.seedCells = 0;
    if (seedCells === 0) {
      this.choices.openAxis(start, smallest);
      return this.fill(child, start, start, then);
    }
    let lastAt = -1;
    for (let seed = seedFrom; seed < seedTo; seed += seedCells) {
      if (this.slices[seed] < smallest || !this.plant(child, start, seed, seedCells)) continue;
      if (!this.choices.open(child, start, start + seedCells)) continue;
      const at = this.fill(child, start, start + seedCells, then);
      if (at >= 0) lastAt = at;
    }
    this.seedCells = seedCells;
    return lastAt;
  }

  /** Start a slice with the slice of a sibling, of `width` words; false when that can't be. */
  private plant(child: BoxShape, start: number, seed: number, width: number): boolean {
    const { slices, box, choices } = this;
    const { words } = box;
    const { shell } = child.base.layout;
    for (let i = 0; i < width; i++) if (!choices.mayHaveCorner(slices[seed + i], words[width + i])) return false;
    for (let i = 0; i < width; i++) if (!choices.haveCorner(slices[seed + i], words[width + i])) return false;
    for (let i = 0; i < width; i++) if (!box.differs(slices[seed + i], shell[i] + 1, start)) return false;
    for (let i = 0; i < width; i++) if (!box.put(child, start, start + i, slices[seed + i])) return false;
    return true;
  }

  /** Fill a slice from cell `first` on, which is open, in all ways; returns where the last child was written. */
  private fill(child: BoxShape, start: number, first: number, then: number): number {
    const end = start + child.base.cells;
    let lastAt = -1;
    let cell = first;
    while (cell >= first) {
      if (!this.choices.next(child, start, cell)) {
        cell--;
      } else if (cell + 1 < end) {
        if (this.choices.open(child, start, cell + 1)) cell++;
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
    if ((++this.steps & 0xffff) === 0) this.poll();
    const wanted = this.slicesEnd + end - start;
    if (wanted > this.mostKeptWords) {
      this.countUnkept(start, end);
      return;
    }
    if (wanted > this.slices.length) this.slices = widened(this.slices, wanted * 2);
    for (let cell = start; cell < end; cell++) this.slices[this.slicesEnd++] = this.box.words[cell];
  }

  /** Each of them is the one that is drawn with the same chance, without its having to be known how many there are. */
  private countUnkept(start: number, end: number): void {
    this.unkept++;
    if (this.sampling === null || this.sampling.random() * this.unkept >= 1) return;
    this.drawn = this.box.words.slice(start, end);
  }

  /** Count, write and walk a finished child; returns where its flags are, -1 when nothing of it was kept. */
  private visit(child: BoxShape, start: number, isNewAxis: boolean): number {
    const { tally, writer, box } = this;
    const emitted = tally.orthos;
    const mark = writer !== null && child.volume < tally.minVolume ? writer.length : -1;
    tally.addBox(child);
    if (tally.mayWin(child.volume, child.cells, box.words[0], box.words[1])) this.offer(child);
    if ((++this.steps & 0x3fff) === 0) this.poll();
    const at = writer === null ? 0 : this.write(writer, child, start);
    box.cells = start + child.base.cells;
    if (isNewAxis) box.axisWords.push(box.words[start]);
    const lists = this.descend(child);
    if (isNewAxis) box.axisWords.pop();
    box.cells = start;
    if (tally.orthos === emitted) {
      if (writer !== null && mark >= 0) writer.length = mark;
      return -1;
    }
    writer?.flag(at, lists);
    return at;
  }

  private offer(child: BoxShape): void {
    this.tally.offer(child.dims.toReversed(), Array.from(this.box.words.subarray(0, child.cells)));
  }

  private write(writer: TreeWriter, child: BoxShape, start: number): number {
    const { along, within } = this.box;
    const { axes, cells, layout } = child.base;
    const at = writer.length;
    for (let i = 0; i < cells; i++) {
      const cell = start + i;
      const bits = i === 0 ? NODE_BITS : 0;
      const column = layout.at[i * axes];
      if (column > 0) writer.cell(within[0][cell - 1], within[0][cell], bits);
      else writer.cell(this.box.below(child, start, i), along[cell], bits);
    }
    return at;
  }
}
