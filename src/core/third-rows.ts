import { filterFollowers } from "./bigram-table.ts";
import { type PhraseIndex, signatureIn, signatureOf } from "./phrase-index.ts";
import { widened } from "./typed.ts";
import { WordLists } from "./word-lists.ts";

/** What it costs to compare a pair with a row, in searches for a word, and to list a word. Measured. */
const STEPS_PER_PAIR = 0.5;
const LIST_COST = 0.3;

/**
 * All third rows below the two rows of the walk, word by word as the two rows grow.
 *
 * The rows of m words that fit below columns 0 .. m-1 are level m; each points back to the row of m-1 words that
 * it continues. Every row of level m is an ortho of 3 x m, and only rows of level m can grow into level m+1, so
 * an attempt to add a whole slice is never started in vain.
 */
export class ThirdRows {
  /** Node of the row so far, node of its last column, last word, and the row of one word less. */
  row: Int32Array = new Int32Array(1024);
  column: Int32Array = new Int32Array(1024);
  word: Int32Array = new Int32Array(1024);
  up: Int32Array = new Int32Array(1024);
  /** Of the rows of level 2: what follows (see PhraseIndex.follow), its signature, and the first word. */
  private signature: Int32Array = new Int32Array(1024);
  private follow: Int32Array = new Int32Array(1024);
  private start: Int32Array = new Int32Array(1024);
  /** Level m is `from[m] .. from[m + 1] - 1`. */
  from: Int32Array = new Int32Array(64);
  /** The words below the right column that may be the second of a row, their nodes, and how many they are. */
  private seconds: Int32Array = new Int32Array(64);
  private secondNodes: Int32Array = new Int32Array(64);
  private kept: Int32Array = new Int32Array(64);
  private chosen = 0;
  /** The words that continue the right column, each with its node; begun for `right`. */
  private readonly below: WordLists;
  private right = -1;
  /** The words that may follow the rows of level 2, where it is worth while to list them. */
  private readonly lists: WordLists;
  private isListed = false;

  constructor(private readonly index: PhraseIndex) {
    this.lists = new WordLists(index.vocabulary);
    this.below = new WordLists(index.vocabulary);
  }

  /**
   * Begin below the square `a b / c d`: levels 1 and 2, as far as they can be continued.
   *
   * @param left node of the column `a c`
   * @param right node of the column `b d`
   * @param d the word that no row may start with, being in the same shell
   * @param wanted signature of the third words that may be asked for
   * @param pairs how many pairs of three words are going to ask
   * @param words how many third words they are going to ask for
   * @returns whether there are any rows of level 2
   */
  begin(left: number, right: number, d: number, wanted: number, pairs: number, words: number): boolean {
    const { follow, first, word } = this.index;
    const beside = this.chooseSeconds(right, wanted);
    if (beside === 0) return false;
    const low = first[left];
    const start = first[left + 1] - low;
    this.from[1] = 0;
    this.from[2] = start;
    this.reserve(start);
    let end = start;
    for (let i = 0; i < start; i++) {
      const g = word[low + i];
      if ((signatureIn(follow[g]) & beside) === 0 || g === d) continue;
      const before = end;
      end = this.secondWords(i, g, right, wanted, end);
      if (end > before) this.put(i, g, low + i, g, -1);
    }
    this.from[3] = end;
    if (end > start) this.chooseLists(pairs, words);
    return end > start;
  }

  /** Choose the words of the right column that may be followed by a wanted word; returns their signature. */
  private chooseSeconds(right: number, wanted: number): number {
    const { first, follow, word } = this.index;
    const low = first[right];
    const high = first[right + 1];
    if (high - low >= this.seconds.length) {
      this.seconds = new Int32Array((high - low) * 2);
      this.secondNodes = new Int32Array((high - low) * 2);
      this.kept = new Int32Array((high - low) * 2);
    }
    const { seconds, secondNodes } = this;
    let chosen = 0;
    let beside = 0;
    for (let column = low; column < high; column++) {
      const h = word[column];
      if ((signatureIn(follow[h]) & wanted) === 0) continue;
      seconds[chosen] = h;
      secondNodes[chosen++] = column;
      beside |= signatureOf(h);
    }
    this.chosen = chosen;
    return beside;
  }

  /** The words that may stand beside the first word `g`, which is at place `up`. */
  private secondWords(up: number, g: number, right: number, wanted: number, from: number): number {
    const { index, seconds, secondNodes, kept, chosen } = this;
    const { first, follow, word } = index;
    const low = first[g];
    const high = first[g + 1];
    let end = from;
    if (high - low <= chosen) {
      if (right !== this.right) this.listBelow(right);
      const { below } = this;
      for (let row = low; row < high; row++) {
        const h = word[row];
        const column = below.node(h);
        if (column >= 0 && (signatureIn(follow[row]) & wanted) !== 0) this.putSecond(end++, row, column, h, up, g);
      }
    } else {
      const size = filterFollowers(index, g, seconds, 0, chosen, kept);
      for (let k = 0; k < size; k++) {
        const i = kept[k];
        const row = index.bigram(g, seconds[i]);
        if (row >= 0 && (signatureIn(follow[row]) & wanted) !== 0)
          this.putSecond(end++, row, secondNodes[i], seconds[i], up, g);
      }
    }
    return end;
  }

  private listBelow(right: number): void {
    const { first, word } = this.index;
    this.right = right;
    this.below.clear();
    this.below.reserve(first[right + 1] - first[right]);
    for (let column = first[right]; column < first[right + 1]; column++) this.below.add(word[column], column, 0);
  }

  private putSecond(at: number, row: number, column: number, word: number, up: number, g: number): void {
    this.put(at, row, column, word, up);
    const follow = this.index.follow[row];
    this.follow[at] = follow;
    this.signature[at] = signatureIn(follow);
    this.start[at] = g;
  }

  /** Few rows and few pairs are compared each with each; otherwise the third words of the rows are listed. */
  private chooseLists(pairs: number, words: number): void {
    const { first } = this.index;
    const end = this.from[3];
    const mean = words / pairs;
    let entries = 0;
    let steps = 0;
    for (let i = this.from[2]; i < end; i++) {
      const count = first[this.row[i] + 1] - first[this.row[i]];
      entries += count;
      steps += STEPS_PER_PAIR + Math.min(count, mean);
    }
    this.isListed = pairs * steps > LIST_COST * (2 * entries + words);
    if (this.isListed) this.listThirdWords(entries);
  }

  private listThirdWords(entries: number): void {
    const { first, word } = this.index;
    const { lists } = this;
    lists.clear();
    lists.reserve(entries);
    for (let i = this.from[3] - 1; i >= this.from[2]; i--) {
      const row = this.row[i];
      for (let next = first[row]; next < first[row + 1]; next++) lists.add(word[next], next, i);
    }
  }

  /**
   * Grow level m-1 into level m, for the new column `e` over `f`.
   *
   * @param column node of the phrase `e f`
   * @returns how many rows level m has
   */
  extend(m: number, column: number, e: number, f: number): number {
    if (m + 2 > this.from.length) this.growLevels();
    let end: number;
    if (m > 3) end = this.extendRows(m, column, e, f);
    else if (this.isListed) end = this.extendByList(column, e, f);
    else end = this.extendSquare(column, e, f);
    this.from[m + 1] = end;
    return end - this.from[m];
  }

  private extendSquare(column: number, e: number, f: number): number {
    const { first } = this.index;
    const { follow, signature, start, word } = this;
    const only = this.index.follow[column];
    const wanted = signatureIn(only);
    const low = first[column];
    const high = first[column + 1];
    const last = this.from[3];
    let end = last;
    for (let i = this.from[2]; i < last; i++) {
      if ((signature[i] & wanted) === 0 || word[i] === f || start[i] === e) continue;
      if (only < 0 || follow[i] < 0) end = this.intersect(i, this.row[i], low, high, end);
      else if (only === follow[i]) this.put(end++, first[this.row[i]], low, only, i);
    }
    this.sortByWord(last, end);
    return end;
  }

  /** Bring a few rows into the order in which a list gives them: it must not show how they were found. */
  private sortByWord(from: number, to: number): void {
    const { row, column, word, up } = this;
    for (let i = from + 1; i < to; i++) {
      for (let at = i; at > from && word[at - 1] > word[at]; at--) {
        [row[at - 1], row[at]] = [row[at], row[at - 1]];
        [column[at - 1], column[at]] = [column[at], column[at - 1]];
        [word[at - 1], word[at]] = [word[at], word[at - 1]];
        [up[at - 1], up[at]] = [up[at], up[at - 1]];
      }
    }
  }

  private extendByList(column: number, e: number, f: number): number {
    const { lists } = this;
    const { first, word } = this.index;
    let end = this.from[3];
    for (let below = first[column], last = first[column + 1]; below < last; below++) {
      const next = word[below];
      for (let at = lists.entry(next); at >= 0; at = lists.older[at]) {
        const up = lists.second[at];
        if (this.word[up] !== f && this.start[up] !== e) this.put(end++, lists.first[at], below, next, up);
      }
    }
    return end;
  }

  private extendRows(m: number, column: number, e: number, f: number): number {
    const { first, depth, tokens, place } = this.index;
    const start = this.from[m];
    const low = first[column];
    const high = first[column + 1];
    let end = start;
    for (let i = this.from[m - 1]; i < start; i++) {
      // In the same shells: the new f beside the row's last word, the new e beside the last but one.
      if (this.word[i] === f || this.word[this.up[i]] === e) continue;
      const row = this.row[i];
      if (depth[row] < m) {
        end = this.intersect(i, row, low, high, end);
      } else {
        const next = tokens[place[row] + m - 1];
        const found = this.index.find(low, high, next);
        if (found >= 0) this.put(end++, row, found, next, i);
      }
    }
    return end;
  }

  /** Continue a row by each word that is also below the new column, whose children are `low .. high - 1`. */
  private intersect(up: number, row: number, low: number, high: number, from: number): number {
    const { index } = this;
    const { first, word } = index;
    const rowLow = first[row];
    const rowHigh = first[row + 1];
    let end = from;
    if (rowHigh - rowLow <= high - low) {
      for (let next = rowLow; next < rowHigh; next++) {
        const column = index.find(low, high, word[next]);
        if (column >= 0) this.put(end++, next, column, word[next], up);
      }
    } else {
      for (let column = low; column < high; column++) {
        const next = index.find(rowLow, rowHigh, word[column]);
        if (next >= 0) this.put(end++, next, column, word[column], up);
      }
    }
    return end;
  }

  private put(at: number, row: number, column: number, word: number, up: number): void {
    if (at >= this.row.length) this.reserve(at + 1);
    this.row[at] = row;
    this.column[at] = column;
    this.word[at] = word;
    this.up[at] = up;
  }

  private reserve(rows: number): void {
    if (rows <= this.row.length) return;
    for (const name of ["row", "column", "word", "up", "follow", "signature", "start"] as const) {
      this[name] = widened(this[name], rows * 2);
    }
  }

  private growLevels(): void {
    this.from = widened(this.from, this.from.length * 2);
  }
}
