import { NO_FOLLOWER, type PhraseIndex, signatureIn } from "./phrase-index.ts";
import { widened } from "./typed.ts";
import type { Wedges } from "./wedges.ts";

/** Numbers of an entry: the next older entry of the same word (-1: none), upper row, column, the column's signature. */
const ENTRY = 4;

/** So many pairs of words are tried before a pair is entered; most have no child. */
const FEW_TRIES = 16;

/**
 * The third columns below a row `a b`: by each word f, the continuations e of the row below which f can stand.
 *
 * Made once for the row and asked by every lower row `c d`, so that two rows with hundreds of continuations each
 * cost what they yield and not the product of both. Linked lists in typed arrays, newest entry first; what was
 * added for an earlier row is told by its epoch and needs no wiping.
 *
 * Squares are asked for by the block, and each step is one short loop over the block, without branches where that
 * can be: the processor then waits for many cache misses at once instead of for one after the other.
 */
export class Columns {
  /** Pairs of three words below the block's squares: upper row, lower row, column, and the column's signature. */
  upper: Int32Array = new Int32Array(1024);
  lower: Int32Array = new Int32Array(1024);
  column: Int32Array = new Int32Array(1024);
  signature: Int32Array = new Int32Array(1024);
  /** 0 where the pair has no children, 1 where it may have some. */
  grows: Int32Array = new Int32Array(1024);
  /** The pairs of square i of the block are `from[i] .. from[i + 1] - 1`. */
  from: Int32Array = new Int32Array(1024);
  /** Continuations of lower rows that have an entry, with that entry; then pairs that need a closer look. */
  private next: Int32Array = new Int32Array(1024);
  private entry: Int32Array = new Int32Array(1024);
  /** By continuation of the row: its follower, and the signature of all words that may stand below followers. */
  private followers: Int32Array = new Int32Array(64);
  private reaches: Int32Array = new Int32Array(64);
  /** First and last continuation of the row. */
  private low = 0;
  private high = 0;
  private entries: Int32Array = new Int32Array(4096);
  /** Place of the newest entry of each word, plus the epoch in which it was added. */
  private readonly newest: Int32Array;
  private epoch = 1;
  private size = 0;

  constructor(private readonly index: PhraseIndex) {
    this.newest = new Int32Array(index.vocabulary);
  }

  /** List the columns below the row `a b` at a node. */
  list(row: number): void {
    const { first, word, follow } = this.index;
    this.epoch += this.size;
    this.size = 0;
    if (this.epoch > 2 ** 29) {
      this.newest.fill(0);
      this.epoch = 1;
    }
    this.low = first[row];
    this.high = first[row + 1];
    const rows = this.high - this.low;
    if (rows > this.reaches.length) {
      this.reaches = new Int32Array(rows * 2);
      this.followers = new Int32Array(rows * 2);
    }
    for (let i = rows - 1; i >= 0; i--) {
      const upper = this.low + i;
      this.followers[i] = follow[upper];
      this.reaches[i] = this.signatureBelow(upper);
      this.add(upper, first[word[upper]], first[word[upper] + 1]);
    }
  }

  /** Signature of all words that may stand below what continues a row of three words. */
  private signatureBelow(upper: number): number {
    const { first, word, follow } = this.index;
    const follower = follow[upper];
    if (follower >= 0) return signatureIn(follow[follower]);
    let signature = 0;
    for (let next = first[upper]; next < first[upper + 1]; next++) signature |= signatureIn(follow[word[next]]);
    return signature;
  }

  private add(upper: number, from: number, to: number): void {
    const { word, follow } = this.index;
    const { newest, epoch } = this;
    const wanted = this.size + (to - from) * ENTRY;
    if (wanted > this.entries.length) this.entries = widened(this.entries, wanted * 2);
    const { entries } = this;
    let at = this.size;
    for (let column = from; column < to; column++) {
      const f = word[column];
      const older = newest[f] - epoch;
      newest[f] = epoch + at;
      entries[at] = older >= 0 ? older : -1;
      entries[at + 1] = upper;
      entries[at + 2] = column;
      entries[at + 3] = signatureIn(follow[column]);
      at += ENTRY;
    }
    this.size = at;
  }

  /**
   * All pairs of three words below the squares of some wedges that end in the same word, in the order of the
   * squares and, within one, side by side for each word of the lower row.
   *
   * @param d the end: it can't stand at the end of the upper row, being in the same shell
   */
  collect(wedges: Wedges, from: number, to: number, d: number): void {
    this.findEntries(wedges.bigram, from, to);
    this.judge(this.makePairs(to - from, this.index.find(this.low, this.high, d)));
  }

  /** The continuations of all lower rows that have an entry; leaves in `from` where those of each square start. */
  private findEntries(bigrams: Int32Array, from: number, to: number): void {
    const { first, word } = this.index;
    const { newest, epoch } = this;
    if (to - from >= this.from.length) this.from = new Int32Array((to - from) * 2);
    let hits = 0;
    for (let i = from; i < to; i++) {
      this.from[i - from] = hits;
      const low = first[bigrams[i]];
      const high = first[bigrams[i] + 1];
      if (hits + high - low > this.next.length) this.widenHits(hits + high - low);
      const { next, entry } = this;
      for (let node = low; node < high; node++) {
        const at = newest[word[node]] - epoch;
        next[hits] = node;
        entry[hits] = at;
        hits += (at >>> 31) ^ 1;
      }
    }
    this.from[to - from] = hits;
  }

  /** Follow the entries' lists, leaving out the row `skipped`; `from` then tells the pairs of each square. */
  private makePairs(squares: number, skipped: number): number {
    const { entries, entry, next, from } = this;
    let pairs = 0;
    for (let square = 0, hit = 0; square < squares; square++) {
      from[square] = pairs;
      for (const end = from[square + 1]; hit < end; hit++) {
        for (let at = entry[hit]; at >= 0; at = entries[at]) {
          if (entries[at + 1] === skipped) continue;
          if (pairs === this.upper.length) this.widenPairs();
          this.upper[pairs] = entries[at + 1];
          this.lower[pairs] = next[hit];
          this.column[pairs] = entries[at + 2];
          this.signature[pairs] = entries[at + 3];
          pairs++;
        }
      }
    }
    from[squares] = pairs;
    return pairs;
  }

  /** Find out which pairs may have children: by signatures first, then by trying the words that continue the rows. */
  private judge(pairs: number): void {
    const { index, upper, lower, grows, reaches, low } = this;
    const { follow } = index;
    if (pairs > this.next.length) this.widenHits(pairs);
    const doubtful = this.next;
    let doubts = 0;
    for (let i = 0; i < pairs; i++) {
      const both = reaches[upper[i] - low] & signatureIn(follow[lower[i]]);
      grows[i] = 0;
      doubtful[doubts] = i;
      doubts += (both | -both) >>> 31;
    }
    for (let k = 0; k < doubts; k++) {
      const i = doubtful[k];
      const x = this.followers[upper[i] - low];
      const y = follow[lower[i]];
      if (x === NO_FOLLOWER || y === NO_FOLLOWER) continue;
      if (x >= 0 && y >= 0) grows[i] = index.bigram(x, y) >= 0 ? 1 : 0;
      else grows[i] = this.triesToGrow(upper[i], lower[i]);
    }
  }

  private triesToGrow(upper: number, lower: number): number {
    const { index } = this;
    const { first, word } = index;
    const high = first[upper + 1];
    if ((high - first[upper]) * (first[lower + 1] - first[lower]) > FEW_TRIES) return 1;
    for (let below = first[lower]; below < first[lower + 1]; below++) {
      for (let above = first[upper]; above < high; above++) {
        if (index.bigram(word[above], word[below]) >= 0) return 1;
      }
    }
    return 0;
  }

  private widenHits(wanted: number): void {
    this.next = widened(this.next, wanted * 2);
    this.entry = widened(this.entry, wanted * 2);
  }

  private widenPairs(): void {
    for (const name of ["upper", "lower", "column", "signature", "grows"] as const) {
      this[name] = widened(this[name], this[name].length * 2);
    }
  }
}
