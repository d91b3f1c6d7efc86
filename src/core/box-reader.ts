import type { BoxShape } from "./box-shape.ts";
import { type CodeInput, type Context, corruptCode, withoutFlags } from "./code-input.ts";
import { AXES, LAST, NODE_BITS, SLICES } from "./tree-code.ts";

/**
 * Receives each ortho: its dims ascending, and its words by their numbers, in canonical order.
 * Both arrays are reused: copy what is kept. `cells` says how many entries of `words` count.
 */
export type OrthoVisitor = (dims: readonly number[], words: Int32Array, cells: number) => void;

/** Reads the boxes of more than two rows: the counterpart of BoxWalk. */
export class BoxReader {
  /** Cells of the box being read, in canonical order. */
  words: Int32Array = new Int32Array(256);
  /** The line along the last axis that ends in each first cell of a row; valid in the last slice. */
  private readonly along: Context[] = [];

  constructor(
    private readonly input: CodeInput,
    private readonly minVolume: number,
    private readonly visit: OrthoVisitor,
  ) {}

  /** Make room for `cells` words. */
  reserve(cells: number): void {
    if (cells <= this.words.length) return;
    const wider = new Int32Array(cells * 2);
    wider.set(this.words);
    this.words = wider;
  }

  /**
   * Read the children of the pair whose words stand in `words`, as `lists` says.
   *
   * @param left the first column, `origin third`
   */
  pair(shape: BoxShape, lists: number, left: Context): void {
    this.along[shape.dims[0]] = left;
    this.lists(shape, lists);
  }

  private lists(shape: BoxShape, lists: number): void {
    if (lists & SLICES) {
      if (shape.height >= shape.dims[shape.axes - 2]) throw corruptCode("grows a box out of its order");
      this.children(shape.taller);
    }
    if (lists & AXES) this.children(shape.deeper);
  }

  private children(child: BoxShape): void {
    const slice = child.base;
    const start = child.cells - slice.cells;
    for (;;) {
      if (slice.cells > this.input.left) throw corruptCode("ends in the middle of a box");
      this.reserve(child.cells);
      const first = this.input.varint();
      this.slice(child, slice, start, withoutFlags(first, NODE_BITS));
      if (child.volume >= this.minVolume) this.visit(child.canonicalDims, this.words, child.cells);
      this.lists(child, first & (SLICES | AXES));
      if (first & LAST) return;
    }
  }

  private slice(child: BoxShape, slice: BoxShape, start: number, first: number): void {
    const { input, words } = this;
    const width = slice.dims[0];
    let context: Context = input.after(0);
    for (let i = 0; i < slice.cells; i++) {
      const cell = start + i;
      const isRowStart = i % width === 0;
      if (isRowStart) context = child.height === 2 ? input.after(words[i]) : this.along[cell - slice.cells];
      const word = input.cell(context, i === 0 ? first : input.varint());
      words[cell] = word;
      if (isRowStart) {
        this.along[cell] = context.with(word);
        context = input.after(word);
      } else {
        context = context.with(word);
      }
    }
  }
}
