import type { BoxShape } from "./box-shape.ts";
import { BoxWalk, type Poll } from "./box-walk.ts";
import { Columns } from "./columns.ts";
import { NO_FOLLOWER, type PhraseIndex, signatureIn } from "./phrase-index.ts";
import type { Tally } from "./tally.ts";
import { ThirdRows } from "./third-rows.ts";
import { AXES, HAS_KIND, KIND_BITS, LAST, LONGER, LOWER_BITS, NODE_BITS, SLICES, UPPER_BITS } from "./tree-code.ts";
import type { TreeMark, TreeWriter } from "./tree-writer.ts";
import { Wedges } from "./wedges.ts";

/** So many squares are looked at together. */
const BLOCK_SQUARES = 256;

/** What one pair of rows remembers while its children are walked. */
interface Level {
  /** Nodes of the two rows and their last words. */
  upper: number;
  lower: number;
  e: number;
  f: number;
  /** Node of the phrase of these two. */
  column: number;
  /** Continuations of the lower row still to try, and of the upper row for the one being tried. */
  lowerAt: number;
  lowerEnd: number;
  upperAt: number;
  upperEnd: number;
  /** The continuation of the lower row being tried: its node and word. */
  next: number;
  nextWord: number;
  /** Third rows below this pair, -1 where they were not needed so far. */
  rows: number;
  /** Places in the code, -1 for none: this pair's kind, the last group of its list, the last member of that group. */
  kindAt: number;
  groupAt: number;
  memberAt: number;
  /** Where nothing is kept of this pair: what to go back to. */
  orthos: number;
  mark: TreeMark | null;
  parentGroupAt: number;
  parentMemberAt: number;
}

function newLevel(): Level {
  return {
    upper: 0,
    lower: 0,
    e: 0,
    f: 0,
    column: 0,
    lowerAt: 0,
    lowerEnd: 0,
    upperAt: 0,
    upperEnd: 0,
    next: 0,
    nextWord: 0,
    rows: 0,
    kindAt: -1,
    groupAt: -1,
    memberAt: -1,
    orthos: 0,
    mark: null,
    parentGroupAt: -1,
    parentMemberAt: -1,
  };
}

/**
 * The walk over the orthos of one origin word: squares first, then pairs of rows word by word.
 *
 *     section (a, b)      all orthos whose canonical line starts with the words a b
 *       square            a b / c d, from the wedges of a
 *         pair            two rows of m words, grown to the right, depth first, on an explicit stack
 *           third rows    all 3 x m below the pair (third-rows.ts)
 *             boxes       whatever grows from there (box-walk.ts)
 *
 * Each ortho is reached once: rows are the longest axis (of equal ones the one with the smaller word beside the
 * origin), and its parent is the box without the last slice of the last axis, or the pair one word shorter.
 */
export class PairWalk {
  readonly wedges: Wedges;
  private readonly columns: Columns;
  private readonly thirds: ThirdRows;
  private readonly boxes: BoxWalk;
  private readonly levels: Level[] = [];
  private origin = 0;
  /** Node of the row `a b` and its second word. */
  private row = 0;
  private second = 0;
  /** The word below the origin. */
  private third = 0;
  /** The square's second word comes before its third: only then may the axes be of equal length. */
  private isOrdered = false;
  /** There may be third rows below the square: not known before they are begun. */
  private hasThirds = false;
  private thirdsBegun = false;
  /** Where `columns` holds the pairs of three words below the square. */
  private pairFrom = 0;
  private pairTo = 0;
  /** Node of the square's right column. */
  private right = 0;
  /** Places in `thirds` of the words of one third row. */
  private readonly trail: number[] = [];
  private steps = 0;
  /** Of the blocks of a section every `stride`th is walked, from number `offset` on. */
  private stride = 1;
  private offset = 0;

  /** @param random for a walk that is sampled: of the boxes with a new axis one is followed in the name of all */
  constructor(
    private readonly index: PhraseIndex,
    private readonly maxDims: number,
    private readonly tally: Tally,
    private readonly writer: TreeWriter | null,
    private readonly poll: Poll,
    random: (() => number) | null = null,
  ) {
    this.wedges = new Wedges(index);
    this.columns = new Columns(index);
    this.thirds = new ThirdRows(index);
    this.boxes = new BoxWalk(index, maxDims, tally, writer, poll, random);
  }

  /** Begin with an origin word: gathers its wedges. */
  begin(origin: number): void {
    this.origin = origin;
    this.wedges.gather(origin);
  }

  /**
   * Walk squares `from`, `from + 1`, ... of the section whose row starts at node `ab`.
   *
   * @param codeLimit the walk ends early, after a whole square, when the code has grown to so many bytes
   * @returns the number of the first square that was not walked; `isWhole` tells whether it was the last
   */
  section(ab: number, from: number, codeLimit: number): { square: number; isWhole: boolean } {
    const { index, wedges, writer } = this;
    const { first, word } = index;
    const b = word[ab];
    this.row = ab;
    this.second = b;
    const mayGrow = first[ab] < first[ab + 1];
    if (mayGrow) this.columns.list(ab);
    if (this.maxDims > 2) this.boxes.begin(wedges, b);
    let square = 0;
    let skipped = 0;
    let block = 0;
    for (let bd = first[b]; bd < first[b + 1]; bd++) {
      const gathering = wedges.numberOf[word[bd]];
      if (gathering < 0) continue;
      const end = wedges.from[gathering + 1];
      let stop = wedges.from[gathering];
      for (let start = stop; start < end; start = stop) {
        stop = Math.min(start + BLOCK_SQUARES, end);
        if (this.stride > 1 && block++ % this.stride !== this.offset) continue;
        if (mayGrow) this.columns.collect(wedges, start, stop, word[bd]);
        for (let at = start; at < stop; at++) {
          const c = wedges.middle[at];
          if (c === b || square++ < from) continue;
          if (writer !== null && writer.length >= codeLimit) return { square: square - 1, isWhole: false };
          this.pairFrom = mayGrow ? this.columns.from[at - start] : 0;
          this.pairTo = mayGrow ? this.columns.from[at - start + 1] : 0;
          if (this.square(bd, c, wedges.bigram[at], skipped)) skipped = 0;
          else skipped++;
        }
        this.poll();
      }
    }
    return { square, isWhole: true };
  }

  /** Walk one block of squares in `stride`, from block `offset` on: a sample of a section. */
  sampleSection(ab: number, offset: number, stride: number): void {
    this.offset = offset;
    this.stride = stride;
    this.section(ab, 0, 0);
    this.stride = 1;
  }

  /** One square and all below it; true when a record was written. */
  private square(bd: number, c: number, cd: number, skipped: number): boolean {
    const { index, tally } = this;
    const isOrdered = this.second < c;
    this.isOrdered = isOrdered;
    if (isOrdered) {
      tally.addPairs(2, 1);
      if (tally.mayWin(1, 4, this.origin, this.second)) {
        tally.offer([2, 2], [this.origin, this.second, c, index.word[cd]]);
      }
    }
    const deeper = isOrdered && this.maxDims > 2;
    if (this.pairFrom === this.pairTo && !deeper) return false;
    this.third = c;
    this.right = bd;
    return this.squareRecord(cd, index.word[cd], deeper, skipped);
  }

  private squareRecord(cd: number, d: number, deeper: boolean, skipped: number): boolean {
    const { writer } = this;
    const level = this.level(2);
    level.upper = this.row;
    level.lower = cd;
    level.e = this.second;
    level.f = d;
    level.groupAt = -1;
    level.memberAt = -1;
    level.kindAt = writer === null ? -1 : writer.length;
    writer?.varint(skipped << KIND_BITS);
    if (this.pairFrom < this.pairTo) this.longerSquares(level);
    let kind = level.groupAt >= 0 ? LONGER : 0;
    if (deeper && this.deepen(2)) kind |= AXES;
    if (writer === null) return false;
    if (kind === 0) writer.length = level.kindAt;
    else writer.flag(level.kindAt, kind);
    return kind !== 0;
  }

  /** The pairs of three words below a square, as `columns` has collected them. */
  private longerSquares(square: Level): void {
    const { index, columns, tally, writer, maxDims, pairFrom, pairTo } = this;
    const { word } = index;
    this.thirdsBegun = false;
    this.hasThirds = true;
    const isKept = tally.minVolume <= 2;
    if (isKept) tally.addPairs(3, pairTo - pairFrom);
    square.next = -1;
    for (let i = pairFrom; i < pairTo; i++) {
      const upper = columns.upper[i];
      const lower = columns.lower[i];
      const column = columns.column[i];
      const e = word[upper];
      if (lower !== square.next) {
        this.endGroup(square);
        square.next = lower;
        square.nextWord = word[lower];
      }
      const f = square.nextWord;
      const rows = this.isOrdered && this.hasThirds && columns.signature[i] !== 0 ? this.firstThirds(column, e, f) : 0;
      if (isKept && tally.mayWin(2, 6, this.origin, this.second)) this.offer(3, e, f);
      if (rows > 0 || maxDims > 2 || columns.grows[i] !== 0) {
        this.enter(square, 3, upper, e, column, rows);
        this.grow(3);
      } else if (writer !== null && isKept) {
        this.writeMember(writer, square, 2, upper, e);
      }
    }
    this.endGroup(square);
    this.endList(square);
  }

  /**
   * One pair of m + 1 words below a pair of m: counted, written and, where it may grow, entered.
   *
   * @param upper node of the upper row with its new word `e`
   * @param column node of the phrase of the two new words
   * @returns true when the pair was entered: its level is ready and must be walked
   */
  private child(parent: Level, m: number, upper: number, e: number, column: number): boolean {
    const { tally, writer } = this;
    const n = m + 1;
    const f = parent.nextWord;
    const rows =
      parent.rows !== 0 && signatureIn(this.index.follow[column]) !== 0 ? this.moreThirds(parent, n, column, e) : 0;
    if (n - 1 >= tally.minVolume) {
      tally.addPairs(n, 1);
      if (tally.mayWin(n - 1, 2 * n, this.origin, this.second)) this.offer(n, e, f);
    }
    if (rows > 0 || this.maxDims > 2 || this.mayGrow(parent, n, upper)) {
      this.enter(parent, n, upper, e, column, rows);
      return true;
    }
    // A leaf, as most pairs are: no level and no kind.
    if (writer !== null && n - 1 >= tally.minVolume) this.writeMember(writer, parent, m, upper, e);
    return false;
  }

  /** Whether a pair of n words may have a child; where each row has one way to go, that way is tried. */
  private mayGrow(parent: Level, n: number, upper: number): boolean {
    const x = this.follower(parent.upper, upper, n);
    if (x === NO_FOLLOWER) return false;
    const y = this.follower(parent.lower, parent.next, n);
    if (y === NO_FOLLOWER) return false;
    return x < 0 || y < 0 || (x !== parent.nextWord && this.index.bigram(x, y) >= 0);
  }

  /** What follows the phrase of n words at a node, which goes on from the one at `parent`; see PhraseIndex.follow. */
  private follower(parent: number, node: number, n: number): number {
    const { depth, first, follow, place, tokens, word } = this.index;
    if (node !== parent) return follow[node];
    if (depth[node] > n) return tokens[place[node] + n];
    const children = first[node + 1] - first[node];
    if (children === 1) return word[first[node]];
    return children === 0 ? NO_FOLLOWER : -1;
  }

  private goesOn(node: number, length: number): boolean {
    const { depth, first } = this.index;
    return depth[node] > length || first[node] < first[node + 1];
  }

  /** Third rows of three words below an ordered square; those of two are begun when first needed. */
  private firstThirds(column: number, e: number, f: number): number {
    const { thirds } = this;
    if (!this.thirdsBegun) this.beginThirds();
    return this.hasThirds ? thirds.extend(3, column, e, f) : 0;
  }

  private beginThirds(): void {
    const { index, thirds, columns } = this;
    const { first } = index;
    this.thirdsBegun = true;
    this.hasThirds = false;
    if (first[this.right] === first[this.right + 1]) return;
    const left = index.bigram(this.origin, this.third);
    if (first[left] === first[left + 1]) return;
    let wanted = 0;
    let words = 0;
    for (let i = this.pairFrom; i < this.pairTo; i++) {
      const column = columns.column[i];
      wanted |= columns.signature[i];
      words += first[column + 1] - first[column];
    }
    this.hasThirds = thirds.begin(left, this.right, this.levels[2].f, wanted, this.pairTo - this.pairFrom, words);
  }

  /** Third rows of n > 3 words; where the square is not ordered, those of three words are made only now. */
  private moreThirds(parent: Level, n: number, column: number, e: number): number {
    if (parent.rows < 0) parent.rows = this.hasThirds ? this.firstThirds(parent.column, parent.e, parent.f) : 0;
    return parent.rows > 0 ? this.thirds.extend(n, column, e, parent.nextWord) : 0;
  }

  /** Make the level of a pair of n words that may have children. */
  private enter(parent: Level, n: number, upper: number, e: number, column: number, rows: number): void {
    const { index, tally, writer } = this;
    const level = this.level(n);
    const lower = parent.next;
    level.upper = upper;
    level.lower = lower;
    level.column = column;
    level.e = e;
    level.f = parent.nextWord;
    // The rows of three words below a square that is not ordered are none of ours, but those that grow from them are.
    level.rows = n === 3 && !this.isOrdered && signatureIn(index.follow[column]) !== 0 ? -1 : rows;
    level.groupAt = -1;
    level.memberAt = -1;
    level.upperAt = 0;
    level.upperEnd = 0;
    level.lowerAt = index.depth[lower] > n ? lower : index.first[lower];
    level.lowerEnd = this.goesOn(upper, n) ? level.lowerAt + index.continuations(lower, n) : level.lowerAt;
    level.orthos = tally.orthos;
    if (writer === null) return;
    // Where the pair itself is not kept, it stands only if something below it does.
    level.mark = n - 1 < tally.minVolume ? writer.mark() : null;
    level.parentGroupAt = parent.groupAt;
    level.parentMemberAt = parent.memberAt;
    this.writeMember(writer, parent, n - 1, upper, e);
    level.kindAt = writer.length;
    writer.varint(0);
  }

  /** Walk all below the entered level `n`, depth first. */
  private grow(n: number): void {
    let m = n;
    while (m >= n) {
      const level = this.levels[m];
      if (this.advance(level, m)) {
        m++;
      } else {
        this.leave(this.levels[m - 1], level, m);
        m--;
      }
    }
    if ((++this.steps & 0x3fff) === 0) this.poll();
  }

  /** Try the next pairs below a level; true when one was entered, false when there are no more. */
  private advance(level: Level, m: number): boolean {
    const { index } = this;
    const { word, tokens, place } = index;
    const upperOnEdge = index.depth[level.upper] > m;
    for (;;) {
      while (level.upperAt < level.upperEnd) {
        const upper = level.upperAt++;
        const e = upperOnEdge ? tokens[place[upper] + m] : word[upper];
        if (e === level.f) continue;
        const column = index.bigram(e, level.nextWord);
        if (column >= 0 && this.child(level, m, upper, e, column)) return true;
      }
      this.endGroup(level);
      if (level.lowerAt >= level.lowerEnd) return false;
      this.nextLower(level, m, upperOnEdge);
    }
  }

  /** Move to the next continuation of the lower row, and to the start of the upper row's. */
  private nextLower(level: Level, m: number, upperOnEdge: boolean): void {
    const { index } = this;
    const next = level.lowerAt++;
    level.next = next;
    level.nextWord = index.depth[level.lower] > m ? index.tokens[index.place[next] + m] : index.word[next];
    level.upperAt = upperOnEdge ? level.upper : index.first[level.upper];
    level.upperEnd = upperOnEdge ? level.upper + 1 : index.first[level.upper + 1];
  }

  /** All below a pair is walked: its third rows and further axes, then its place in the code. */
  private leave(parent: Level, level: Level, m: number): void {
    const { tally, writer } = this;
    this.endList(level);
    let kind = level.groupAt >= 0 ? LONGER : 0;
    if (level.rows > 0 && (m > 3 || this.isOrdered) && this.thirdRows(m)) kind |= SLICES;
    if (this.maxDims > 2 && this.deepen(m)) kind |= AXES;
    if (writer === null) return;
    if (level.mark !== null && tally.orthos === level.orthos) {
      writer.rewind(level.mark);
      parent.groupAt = level.parentGroupAt;
      parent.memberAt = level.parentMemberAt;
    } else if (kind === 0) {
      writer.length = level.kindAt;
    } else {
      writer.flag(level.kindAt, kind);
      writer.flag(parent.memberAt, HAS_KIND);
    }
  }

  /** Write the new cells of a pair: the lower word once for all its upper words. */
  private writeMember(writer: TreeWriter, parent: Level, m: number, upper: number, e: number): void {
    if (parent.memberAt < 0) {
      parent.groupAt = writer.cell(parent.lower, parent.next, m, parent.nextWord, LOWER_BITS);
    }
    parent.memberAt = writer.cell(parent.upper, upper, m, e, UPPER_BITS);
  }

  private endGroup(level: Level): void {
    if (level.memberAt >= 0) this.writer?.flag(level.memberAt, LAST);
    level.memberAt = -1;
  }

  private endList(level: Level): void {
    if (level.groupAt >= 0) this.writer?.flag(level.groupAt, LAST);
  }

  /** Every third row below the pair of m words, and the boxes that grow from there; true when any was kept. */
  private thirdRows(m: number): boolean {
    const { thirds } = this;
    const shape = this.tally.pairShape(m).taller;
    let lastAt = -1;
    for (let row = thirds.from[m]; row < thirds.from[m + 1]; row++) {
      const at = this.thirdRow(shape, m, row);
      if (at >= 0) lastAt = at;
    }
    if (lastAt >= 0) this.writer?.flag(lastAt, LAST);
    return lastAt >= 0;
  }

  /** One box of three rows; returns where its flags are, -1 when nothing of it was kept. */
  private thirdRow(shape: BoxShape, m: number, row: number): number {
    const { tally, writer, thirds } = this;
    const orthos = tally.orthos;
    const mark = writer !== null && shape.volume < tally.minVolume ? writer.mark() : null;
    this.trace(m, row);
    tally.addBox(shape);
    if (tally.mayWin(shape.volume, shape.cells, this.origin, this.second)) tally.offer([3, m], this.rowsOf(m, 3));
    const at = writer === null ? 0 : this.writeThirdRow(writer, m);
    if (this.maxDims > 2 || (m > 3 && this.allColumnsContinue(m))) {
      this.boxes.load(
        shape,
        this.rowsOf(m, 3),
        this.trail.map((i) => thirds.column[i]),
      );
      const lists = this.boxes.descend(shape);
      writer?.flag(at, lists);
    }
    if (tally.orthos !== orthos) return at;
    if (mark !== null) writer?.rewind(mark);
    return -1;
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
    for (let i = 0; i < m; i++) if (!this.goesOn(this.thirds.column[this.trail[i]], 3)) return false;
    return true;
  }

  private writeThirdRow(writer: TreeWriter, m: number): number {
    const { trail, thirds } = this;
    const start = trail[0];
    const left = this.index.bigram(this.origin, this.third);
    const at = writer.cell(left, thirds.column[start], 2, thirds.word[start], NODE_BITS);
    for (let i = 1; i < m; i++) {
      const cell = trail[i];
      writer.cell(thirds.row[trail[i - 1]], thirds.row[cell], i, thirds.word[cell], 0);
    }
    return at;
  }

  /** Walk the boxes with one axis more than the pair of m words at the top of the levels. */
  private deepen(m: number): boolean {
    const shape = this.tally.pairShape(m);
    this.boxes.load(shape, this.rowsOf(m, 2), []);
    return this.boxes.deepen(shape);
  }

  /** The words of the first rows, row by row. */
  private rowsOf(m: number, rows: number): number[] {
    const { levels, thirds } = this;
    const words = [this.origin, this.second];
    for (let i = 3; i <= m; i++) words.push(levels[i].e);
    words.push(this.third, levels[2].f);
    for (let i = 3; i <= m; i++) words.push(levels[i].f);
    if (rows === 3) for (const at of this.trail) words.push(thirds.word[at]);
    return words;
  }

  /** Offer the pair of n words that has no level of its own yet. */
  private offer(n: number, e: number, f: number): void {
    const level = this.level(n);
    level.e = e;
    level.f = f;
    this.tally.offer([2, n], this.rowsOf(n, 2));
  }

  private level(m: number): Level {
    const level = this.levels[m];
    if (level !== undefined) return level;
    while (this.levels.length <= m) this.levels.push(newLevel());
    return this.levels[m];
  }
}
