import type { BoxShape } from "./box-shape.ts";
import type { BoxWalk } from "./box-walk.ts";
import type { Columns } from "./columns.ts";
import type { PairLevel, PairStack } from "./pair-stack.ts";
import type { PhraseIndex } from "./phrase-index.ts";
import type { Tally } from "./tally.ts";
import { ThirdRows } from "./third-rows.ts";
import { LAST, NODE_BITS } from "./tree-code.ts";
import type { TreeWriter } from "./tree-writer.ts";

/**
 * The boxes of three rows below the pairs of one square, and whatever grows from them.
 *
 * The pairs ask for third rows as they grow (ThirdRows finds them); when all longer pairs below a pair are walked,
 * `walk` counts and writes its boxes.
 */
export class ThreeRows {
  /** There may be third rows below the square: not known before they are begun. */
  mayExist = false;
  private isBegun = false;
  private readonly thirds: ThirdRows;
  /** Nodes of the square's columns. */
  private left = 0;
  private right = 0;
  /** Where `columns` holds the pairs of three words below the square. */
  private pairFrom = 0;
  private pairTo = 0;
  /** Places in `thirds` of the words of one third row. */
  private readonly trail: number[] = [];

  constructor(
    private readonly index: PhraseIndex,
    private readonly maxDims: number,
    private readonly columns: Columns,
    private readonly pairs: PairStack,
    private readonly boxes: BoxWalk,
    private readonly tally: Tally,
    private readonly writer: TreeWriter | null,
  ) {
    this.thirds = new ThirdRows(index);
  }

  /** Get ready for a square; nothing is looked for before the first pair asks. */
  prepare(right: number, pairFrom: number, pairTo: number): void {
    this.right = right;
    this.pairFrom = pairFrom;
    this.pairTo = pairTo;
    this.mayExist = true;
    this.isBegun = false;
  }

  /** How many third rows of three words there are, below the column `e f` at node `column`. */
  ofSquare(column: number, e: number, f: number): number {
    if (!this.isBegun) this.begin();
    return this.mayExist ? this.thirds.extend(3, column, e, f) : 0;
  }

  /** How many third rows of n > 3 words; where the square is not ordered, those of three words are made only now. */
  ofPair(parent: PairLevel, n: number, column: number, e: number): number {
    if (parent.rows < 0) parent.rows = this.mayExist ? this.ofSquare(parent.column, parent.e, parent.f) : 0;
    return parent.rows > 0 ? this.thirds.extend(n, column, e, parent.nextWord) : 0;
  }

  private begin(): void {
    const { index, columns, pairs } = this;
    const { first } = index;
    this.isBegun = true;
    this.mayExist = false;
    if (first[this.right] === first[this.right + 1]) return;
    this.left = index.bigram(pairs.origin, pairs.third);
    if (first[this.left] === first[this.left + 1]) return;
    let wanted = 0;
    let words = 0;
    for (let i = this.pairFrom; i < this.pairTo; i++) {
      const column = columns.column[i];
      wanted |= columns.signature[i];
      words += first[column + 1] - first[column];
    }
    const count = this.pairTo - this.pairFrom;
    this.mayExist = this.thirds.begin(this.left, this.right, pairs.levels[2].f, wanted, count, words);
  }

  /** Count, write and walk every box of three rows of m words; true when any was kept. */
  walk(m: number): boolean {
    const shape = this.tally.pairShape(m).taller;
    const lastAt = m === 3 && this.maxDims === 2 ? this.squares(shape) : this.boxesOf(shape, m);
    if (lastAt >= 0) this.writer?.flag(lastAt, LAST);
    return lastAt >= 0;
  }

  /** The 3x3 where nothing grows from them: no longer than high, and no axis more. */
  private squares(shape: BoxShape): number {
    const { tally, writer, thirds, pairs } = this;
    const from = thirds.from[3];
    const to = thirds.from[4];
    if (shape.volume < tally.minVolume) return -1;
    tally.addBoxes(shape, to - from);
    if (tally.mayWin(shape.volume, shape.cells, pairs.origin, pairs.second)) {
      for (let row = from; row < to; row++) this.offer(3, row);
    }
    if (writer === null) return 0;
    let lastAt = -1;
    for (let row = from; row < to; row++) lastAt = this.write(writer, 3, row);
    return lastAt;
  }

  private boxesOf(shape: BoxShape, m: number): number {
    const { thirds } = this;
    let lastAt = -1;
    for (let row = thirds.from[m]; row < thirds.from[m + 1]; row++) {
      const at = this.box(shape, m, row);
      if (at >= 0) lastAt = at;
    }
    return lastAt;
  }

  /** One box and all that grows from it; returns where its flags are, -1 when nothing of it was kept. */
  private box(shape: BoxShape, m: number, row: number): number {
    const { tally, writer, thirds, pairs, boxes } = this;
    const orthos = tally.orthos;
    const mark = writer !== null && shape.volume < tally.minVolume ? writer.length : -1;
    tally.addBox(shape);
    if (tally.mayWin(shape.volume, shape.cells, pairs.origin, pairs.second)) this.offer(m, row);
    const at = writer === null ? 0 : this.write(writer, m, row);
    this.trace(m, row);
    if (this.maxDims > 2 || (m > 3 && this.allColumnsContinue(m))) {
      const columns = this.trail.map((i) => thirds.column[i]);
      boxes.load(shape, this.wordsOf(m), columns);
      const lists = boxes.descend(shape);
      writer?.flag(at, lists);
    }
    if (tally.orthos !== orthos) return at;
    if (writer !== null && mark >= 0) writer.length = mark;
    return -1;
  }

  private offer(m: number, row: number): void {
    this.trace(m, row);
    this.tally.offer([3, m], this.wordsOf(m));
  }

  /** Leave in `trail` the places of the third row's words, first to last. */
  private trace(m: number, row: number): void {
    const { trail, thirds } = this;
    trail.length = m;
    let at = row;
    for (let i = m - 1; i >= 0; i--) {
      trail[i] = at;
      at = thirds.up[at];
    }
  }

  private allColumnsContinue(m: number): boolean {
    const { depth, first } = this.index;
    for (let i = 0; i < m; i++) {
      const column = this.thirds.column[this.trail[i]];
      if (depth[column] <= 3 && first[column] === first[column + 1]) return false;
    }
    return true;
  }

  /** The words of the pair and of the third row that was traced. */
  private wordsOf(m: number): number[] {
    const words = this.pairs.words(m);
    for (const at of this.trail) words.push(this.thirds.word[at]);
    return words;
  }

  private write(writer: TreeWriter, m: number, row: number): number {
    const { trail, thirds } = this;
    this.trace(m, row);
    const start = trail[0];
    const at = writer.cell(this.left, thirds.column[start], NODE_BITS);
    for (let i = 1; i < m; i++) {
      const cell = trail[i];
      writer.cell(thirds.row[trail[i - 1]], thirds.row[cell], 0);
    }
    return at;
  }
}
