import type { PhraseIndex } from "./phrase-index.ts";

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
    ends.subarray(0, touched).sort();
    const sizes: number[] = [];
    for (let i = 0; i < touched; i++) {
      const end = ends[i];
      if (count[end] > 1) {
        this.numberOf[end] = sizes.length;
        ends[sizes.length] = end;
        sizes.push(count[end]);
      }
      count[end] = 0;
    }
    this.endCount = sizes.length;
    for (let i = 0; i < sizes.length; i++) {
      count[i] = from[i];
      from[i + 1] = from[i] + sizes[i];
    }
    const total = from[sizes.length];
    if (total > this.middle.length) {
      this.middle = new Int32Array(total * 2);
      this.bigram = new Int32Array(total * 2);
    }
  }
}
