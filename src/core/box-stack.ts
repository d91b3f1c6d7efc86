import type { BoxShape } from "./box-shape.ts";
import type { PhraseIndex } from "./phrase-index.ts";
import { widened } from "./typed.ts";

/**
 * The box being grown, as a stack of cells in memory order: a slice is pushed, walked, and popped.
 *
 * A cell fits when its shell has no such word yet and each line that ends in it is a phrase; so a box on the stack
 * is always an ortho, whoever chooses the words.
 */
export class BoxStack {
  words: Int32Array = new Int32Array(256);
  /** Cells of the whole slices. */
  cells = 0;
  /** The words beside the origin, by axis. */
  readonly axisWords: number[] = [];
  private shells: Int32Array = new Int32Array(256);
  /** Node of the line along the last axis that ends in each cell; valid in the last slice. */
  along: Int32Array = new Int32Array(256);
  /** Nodes of the lines within a slice, by axis. */
  readonly within: Int32Array[] = [];

  constructor(private readonly index: PhraseIndex) {}

  /**
   * Put a two-dimensional box on the stack, in place of whatever is there.
   *
   * @param words in memory order, rows of `shape.dims[0]` words
   * @param along node of each column, in the order of the last row
   */
  load(shape: BoxShape, words: ArrayLike<number>, along: ArrayLike<number>): void {
    const width = shape.dims[0];
    const { shell } = shape.layout;
    this.axisWords.length = 0;
    this.axisWords.push(words[1], words[width]);
    this.reserve(shape.cells * 2);
    for (let i = 0; i < shape.cells; i++) {
      this.words[i] = words[i];
      this.shells[i] = shell[i];
    }
    for (let i = 0; i < along.length; i++) this.along[shape.cells - width + i] = along[i];
    this.cells = shape.cells;
  }

  /** Node of the line along the growing axis before cell `i` of the slice; its length is `child.height - 1`. */
  below(child: BoxShape, start: number, i: number): number {
    return child.height === 2 ? this.words[i] : this.along[start - child.base.cells + i];
  }

  /** No cell of the same shell holds the word. */
  differs(word: number, shell: number, cell: number): boolean {
    const { words, shells } = this;
    for (let other = 0; other < cell; other++) {
      if (words[other] === word && shells[other] === shell) return false;
    }
    return true;
  }

  /**
   * Put a word into the next cell of a slice; false when some line through the cell is no phrase then.
   *
   * @param child the box that the slice being filled will make, with its first cell at `start`
   */
  put(child: BoxShape, start: number, cell: number, word: number): boolean {
    const { index } = this;
    const { axes, layout } = child.base;
    const { before, at } = layout;
    const i = cell - start;
    const along = index.step(this.below(child, start, i), child.height - 1, word);
    if (along < 0) return false;
    for (let axis = 0; axis < axes; axis++) {
      const previous = before[i * axes + axis];
      let node = word;
      if (previous >= 0) node = index.step(this.within[axis][start + previous], at[i * axes + axis], word);
      if (node < 0) return false;
      this.within[axis][cell] = node;
    }
    this.words[cell] = word;
    this.shells[cell] = layout.shell[i] + child.height - 1;
    this.along[cell] = along;
    return true;
  }

  /** Make room for so many cells, and for one axis more than the box has. */
  reserve(cells: number): void {
    while (this.within.length < this.axisWords.length + 1) this.within.push(new Int32Array(this.words.length));
    if (cells <= this.words.length) return;
    const size = cells * 2;
    this.words = widened(this.words, size);
    this.shells = widened(this.shells, size);
    this.along = widened(this.along, size);
    for (let axis = 0; axis < this.within.length; axis++) this.within[axis] = widened(this.within[axis], size);
  }
}
