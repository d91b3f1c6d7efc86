import type { PhraseIndex } from "./phrase-index.ts";

/** Up to so many values are sorted in place. */
const FEW = 24;

/**
 * The wedges of one origin word a: all paths a -> b -> d, gathered by d.
 *
 * Two words of one gathering, b and c, are a square: a b over c d and a c over b d. So a gathering of n words
 * holds n (n - 1) / 2 orthos of 2x2, and the cost of listing them is the number of paths plus the output.
 */
export class Wedges {
  /** The last words d of more than one path, sorted. */
  readonly ends: Int32Array;
  endCount = 0;
  /** The gathering of the end with number i is `from[i] .. from[i + 1] - 1`. */
  readonly from: Int32Array;
  /** The middle word of each wedge, sorted within a gathering. */
  middle: Int32Array = new Int32Array(1024);
  /** The node of the phrase `middle end` of each wedge. */
  bigram: Int32Array = new Int32Array(1024);
  /** The number of each word as an end; -1 where it is none. */
  readonly numberOf: Int32Array;
  private readonly count: Int32Array;

  constructor(private readonly index: PhraseIndex) {
    this.ends = new Int32Array(index.vocabulary);
    this.from = new Int32Array(index.vocabulary + 1);
    this.numberOf = new Int32Array(index.vocabulary).fill(-1);
    this.count = new Int32Array(index.vocabulary);
  }

  /** Gather the wedges of `origin`; what was gathered before is forgotten. */
  gather(origin: number): void {
    const { first, word } = this.index;
    this.forget();
    let touched = 0;
    for (let ab = first[origin]; ab < first[origin + 1]; ab++) {
      const b = word[ab];
      for (let bd = first[b]; bd < first[b + 1]; bd++) {
        if (this.count[word[bd]]++ === 0) this.ends[touched++] = word[bd];
      }
    }
    this.layOut(touched);
    for (let ab = first[origin]; ab < first[origin + 1]; ab++) {
      const b = word[ab];
      for (let bd = first[b]; bd < first[b + 1]; bd++) {
        const number = this.numberOf[word[bd]];
        if (number < 0) continue;
        const at = this.count[number]++;
        this.middle[at] = b;
        this.bigram[at] = bd;
      }
    }
    this.count.fill(0, 0, this.endCount);
  }

  private forget(): void {
    for (let i = 0; i < this.endCount; i++) this.numberOf[this.ends[i]] = -1;
  }

  /** Give every end with more than one path its place, and leave in `count` where to fill each in. */
  private layOut(touched: number): void {
    const { ends, count, from } = this;
    let size = 0;
    for (let i = 0; i < touched; i++) {
      const end = ends[i];
      // Most are reached by one path: they need no place, and sorting them took longer than all else here.
      if (count[end] > 1) ends[size++] = end;
      else count[end] = 0;
    }
    sortFirst(ends, size);
    this.endCount = size;
    for (let i = 0; i < size; i++) {
      this.numberOf[ends[i]] = i;
      from[i + 1] = from[i] + count[ends[i]];
    }
    for (let i = 0; i < size; i++) count[ends[i]] = 0;
    for (let i = 0; i < size; i++) count[i] = from[i];
    const total = from[size];
    if (total > this.middle.length) {
      this.middle = new Int32Array(total * 2);
      this.bigram = new Int32Array(total * 2);
    }
  }
}

/** Sort the first `size` values; a few are sorted in place sooner than the library is called. */
function sortFirst(values: Int32Array, size: number): void {
  if (size > FEW) {
    values.subarray(0, size).sort();
    return;
  }
  for (let i = 1; i < size; i++) {
    const value = values[i];
    let at = i;
    for (; at > 0 && values[at - 1] > value; at--) values[at] = values[at - 1];
    values[at] = value;
  }
}
