import { BoxWalk, type BoxWalkOptions, type Poll } from "./box-walk.ts";
import { Columns } from "./columns.ts";
import { type PairLevel, PairStack } from "./pair-stack.ts";
import { NO_FOLLOWER, type PhraseIndex, signatureIn } from "./phrase-index.ts";
import type { Tally } from "./tally.ts";
import { ThreeRows } from "./three-rows.ts";
import { AXES, HAS_KIND, KIND_BITS, LAST, LONGER, LOWER_BITS, SLICES, UPPER_BITS } from "./tree-code.ts";
import type { TreeWriter } from "./tree-writer.ts";
import { Wedges } from "./wedges.ts";

/** So many squares are looked at together. */
const BLOCK_SQUARES = 256;

/**
 * The walk over the orthos of one origin word: squares first, then pairs of rows word by word.
 *
 *     section (a, b)      all orthos whose canonical line starts with the words a b
 *       square            a b / c d, from the wedges of a
 *         pair            two rows of m words, grown to the right, depth first, on an explicit stack
 *           three rows    all 3 x m below the pair (three-rows.ts)
 *             boxes       whatever grows from there (box-walk.ts)
 *
 * Each ortho is reached once: rows are the longest axis (of equal ones the one with the smaller word beside the
 * origin), and its parent is the box without the last slice of the last axis, or the pair one word shorter.
 */
export class PairWalk {
  readonly wedges: Wedges;
  private readonly columns: Columns;
  private readonly pairs = new PairStack();
  private readonly threeRows: ThreeRows;
  private readonly boxes: BoxWalk;
  /** Node of the row `a b`. */
  private row = 0;
  /** Where `columns` holds the pairs of three words below the square. */
  private pairFrom = 0;
  private pairTo = 0;
  private steps = 0;
  /** Of the blocks of a section every `stride`th is walked, from number `offset` on. */
  private stride = 1;
  private offset = 0;

  constructor(
    private readonly index: PhraseIndex,
    private readonly maxDims: number,
    private readonly tally: Tally,
    private readonly writer: TreeWriter | null,
    private readonly poll: Poll,
    options: BoxWalkOptions = {},
  ) {
    this.wedges = new Wedges(index);
    this.columns = new Columns(index);
    this.boxes = new BoxWalk(index, maxDims, tally, writer, poll, options);
    this.threeRows = new ThreeRows(index, maxDims, this.columns, this.pairs, this.boxes, tally, writer);
  }

  /** Begin with an origin word: gathers its wedges. */
  begin(origin: number): void {
    this.pairs.origin = origin;
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
    this.pairs.second = b;
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
    const { index, tally, pairs } = this;
    const { origin, second } = pairs;
    const isOrdered = second < c;
    if (isOrdered) {
      tally.addPairs(2, 1);
      if (tally.mayWin(1, 4, origin, second)) tally.offer([2, 2], [origin, second, c, index.word[cd]]);
    }
    const deeper = isOrdered && this.maxDims > 2;
    if (this.pairFrom === this.pairTo && !deeper) return false;
    pairs.third = c;
    pairs.isOrdered = isOrdered;
    this.threeRows.prepare(bd, this.pairFrom, this.pairTo);
    return this.squareRecord(cd, index.word[cd], deeper, skipped);
  }

  private squareRecord(cd: number, d: number, deeper: boolean, skipped: number): boolean {
    const { writer } = this;
    const level = this.pairs.level(2);
    level.upper = this.row;
    level.lower = cd;
    level.e = this.pairs.second;
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
  private longerSquares(square: PairLevel): void {
    const { index, columns, pairs, threeRows, tally, writer, maxDims, pairFrom, pairTo } = this;
    const { word } = index;
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
      const mayBeTaller = pairs.isOrdered && threeRows.mayExist && columns.signature[i] !== 0;
      const rows = mayBeTaller ? threeRows.ofSquare(column, e, f) : 0;
      if (isKept && tally.mayWin(2, 6, pairs.origin, pairs.second)) this.offer(3, e, f);
      if (maxDims > 2 || columns.grows[i] !== 0) {
        this.enter(square, 3, upper, e, column, rows);
        this.grow(3);
      } else if (rows > 0) {
        this.onlyTaller(square, 3, upper, e, column, rows);
      } else if (writer !== null && isKept) {
        this.writeMember(writer, square, upper);
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
  private child(parent: PairLevel, m: number, upper: number, e: number, column: number): boolean {
    const { tally, writer } = this;
    const n = m + 1;
    const f = parent.nextWord;
    const mayBeTaller = parent.rows !== 0 && signatureIn(this.index.follow[column]) !== 0;
    const rows = mayBeTaller ? this.threeRows.ofPair(parent, n, column, e) : 0;
    if (n - 1 >= tally.minVolume) {
      tally.addPairs(n, 1);
      if (tally.mayWin(n - 1, 2 * n, this.pairs.origin, this.pairs.second)) this.offer(n, e, f);
    }
    if (this.maxDims > 2 || this.mayGrow(parent, n, upper)) {
      this.enter(parent, n, upper, e, column, rows);
      return true;
    }
    if (rows > 0) this.onlyTaller(parent, n, upper, e, column, rows);
    // A leaf, as most pairs are: no level and no kind.
    else if (writer !== null && n - 1 >= tally.minVolume) this.writeMember(writer, parent, upper);
    return false;
  }

  /** A pair of n words without longer ones: all below it is boxes of three rows. */
  private onlyTaller(parent: PairLevel, n: number, upper: number, e: number, column: number, rows: number): void {
    if (this.writer !== null) {
      this.enter(parent, n, upper, e, column, rows);
      this.leave(parent, this.pairs.levels[n], n);
      return;
    }
    const level = this.pairs.level(n);
    level.e = e;
    level.f = parent.nextWord;
    this.threeRows.walk(n);
  }

  /** Whether a pair of n words may have a child; where each row has one way to go, that way is tried. */
  private mayGrow(parent: PairLevel, n: number, upper: number): boolean {
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

  /** Make the level of a pair of n words that may have children. */
  private enter(parent: PairLevel, n: number, upper: number, e: number, column: number, rows: number): void {
    const { index, tally, writer } = this;
    const level = this.pairs.level(n);
    const lower = parent.next;
    level.upper = upper;
    level.lower = lower;
    level.column = column;
    level.e = e;
    level.f = parent.nextWord;
    // The rows of three words below a square that is not ordered are none of ours, but those that grow from them are.
    level.rows = n === 3 && !this.pairs.isOrdered && signatureIn(index.follow[column]) !== 0 ? -1 : rows;
    level.groupAt = -1;
    level.memberAt = -1;
    level.upperAt = 0;
    level.upperEnd = 0;
    level.lowerAt = index.depth[lower] > n ? lower : index.first[lower];
    level.lowerEnd = this.goesOn(upper, n) ? level.lowerAt + index.continuations(lower, n) : level.lowerAt;
    level.orthos = tally.orthos;
    if (writer === null) return;
    // Where the pair itself is not kept, it stands only if something below it does.
    level.mark = n - 1 < tally.minVolume ? writer.length : -1;
    level.parentGroupAt = parent.groupAt;
    level.parentMemberAt = parent.memberAt;
    this.writeMember(writer, parent, upper);
    level.kindAt = writer.length;
    writer.varint(0);
  }

  /** Walk all below the entered level `n`, depth first. */
  private grow(n: number): void {
    let m = n;
    while (m >= n) {
      const level = this.pairs.levels[m];
      if (this.advance(level, m)) {
        m++;
      } else {
        this.leave(this.pairs.levels[m - 1], level, m);
        m--;
      }
    }
    if ((++this.steps & 0x3fff) === 0) this.poll();
  }

  /** Try the next pairs below a level; true when one was entered, false when there are no more. */
  private advance(level: PairLevel, m: number): boolean {
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
  private nextLower(level: PairLevel, m: number, upperOnEdge: boolean): void {
    const { index } = this;
    const next = level.lowerAt++;
    level.next = next;
    level.nextWord = index.depth[level.lower] > m ? index.tokens[index.place[next] + m] : index.word[next];
    level.upperAt = upperOnEdge ? level.upper : index.first[level.upper];
    level.upperEnd = upperOnEdge ? level.upper + 1 : index.first[level.upper + 1];
  }

  /** All below a pair is walked: its third rows and further axes, then its place in the code. */
  private leave(parent: PairLevel, level: PairLevel, m: number): void {
    const { tally, writer } = this;
    this.endList(level);
    let kind = level.groupAt >= 0 ? LONGER : 0;
    if (level.rows > 0 && (m > 3 || this.pairs.isOrdered) && this.threeRows.walk(m)) kind |= SLICES;
    if (this.maxDims > 2 && this.deepen(m)) kind |= AXES;
    if (writer === null) return;
    if (level.mark >= 0 && tally.orthos === level.orthos) {
      writer.length = level.mark;
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
  private writeMember(writer: TreeWriter, parent: PairLevel, upper: number): void {
    if (parent.memberAt < 0) parent.groupAt = writer.cell(parent.lower, parent.next, LOWER_BITS);
    parent.memberAt = writer.cell(parent.upper, upper, UPPER_BITS);
  }

  private endGroup(level: PairLevel): void {
    if (level.memberAt >= 0) this.writer?.flag(level.memberAt, LAST);
    level.memberAt = -1;
  }

  private endList(level: PairLevel): void {
    if (level.groupAt >= 0) this.writer?.flag(level.groupAt, LAST);
  }

  /** Walk the boxes with one axis more than the pair of m words at the top of the levels. */
  private deepen(m: number): boolean {
    const shape = this.tally.pairShape(m);
    this.boxes.load(shape, this.pairs.words(m), []);
    return this.boxes.deepen(shape);
  }

  /** Offer the pair of n words that has no level of its own yet. */
  private offer(n: number, e: number, f: number): void {
    const level = this.pairs.level(n);
    level.e = e;
    level.f = f;
    this.tally.offer([2, n], this.pairs.words(n));
  }
}
