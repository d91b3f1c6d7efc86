import { filterFollowers } from "./bigram-table.ts";
import type { PhraseIndex } from "./phrase-index.ts";

/** Pairs that are remembered, and numbers of a pair's record: both words plus one, where its list starts, its length. */
const SLOTS = 2 ** 15;
const RECORD = 4;
/** Room for the lists of all remembered pairs. */
const ROOM = 2 ** 18;

/**
 * The words that follow both of two words: what may stand in the corner that they frame.
 *
 *     . u        the corner takes a word that follows both u and v; the same two words meet in very many boxes,
 *     v [ ]      so the answers are remembered: the last one of each hash, in bounded memory
 */
export class SharedFollowers {
  /** The words found last, ascending, start at `words[from]`; valid until the next `find`. */
  words: Int32Array = new Int32Array(0);
  from = 0;
  /** Made when somebody asks: short texts have few boxes, and memory of this size takes as long as they do. */
  private records: Int32Array = new Int32Array(0);
  private kept: Int32Array = new Int32Array(64);
  private size = 0;

  constructor(private readonly index: PhraseIndex) {}

  /** Find the words that follow both; returns how many they are. */
  find(u: number, v: number): number {
    if (this.records.length === 0) this.begin();
    const { records } = this;
    const low = u < v ? u : v;
    const high = u < v ? v : u;
    const mixed = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b);
    const record = ((mixed ^ (mixed >>> 15)) & (SLOTS - 1)) * RECORD;
    if (records[record] !== low + 1 || records[record + 1] !== high + 1) this.remember(record, low, high);
    this.from = records[record + 2];
    return records[record + 3];
  }

  private begin(): void {
    this.words = new Int32Array(ROOM);
    this.records = new Int32Array(SLOTS * RECORD);
  }

  private remember(record: number, low: number, high: number): void {
    const { index, records } = this;
    const { first, word } = index;
    const swaps = first[low + 1] - first[low] > first[high + 1] - first[high];
    const few = swaps ? high : low;
    const many = swaps ? low : high;
    const from = first[few];
    const count = first[few + 1] - from;
    if (this.size + count > this.words.length) this.forget(count);
    if (count > this.kept.length) this.kept = new Int32Array(count * 2);
    const size = filterFollowers(index, many, word, from, count, this.kept);
    records[record] = low + 1;
    records[record + 1] = high + 1;
    records[record + 2] = this.size;
    for (let k = 0; k < size; k++) {
      const next = word[this.kept[k]];
      if (index.bigram(many, next) >= 0) this.words[this.size++] = next;
    }
    records[record + 3] = this.size - records[record + 2];
  }

  private forget(wanted: number): void {
    this.records.fill(0);
    this.size = 0;
    if (wanted > this.words.length) this.words = new Int32Array(wanted * 2);
  }
}
