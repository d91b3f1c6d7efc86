import type { PhraseIndex } from "./phrase-index.ts";

/** Where a writer stood: give it back to `rewind` to take back all that was written since. */
export interface TreeMark {
  length: number;
  learnt: number;
  words: number;
}

/**
 * Writes the code of a generation tree (FORMAT.md, "Tree code"): varints, words, and cells in their context.
 *
 * A cell is coded as the number of its word among those that have followed the same line before, in this chunk;
 * 0 announces a new one, whose word comes after. Both sides learn the lists as they go.
 */
export class TreeWriter {
  bytes: Uint8Array = new Uint8Array(1 << 16);
  length = 0;
  /** Word ids in the order of their first use: the chunk's word list. */
  words: number[] = [];
  /** Local number of each word plus one, valid while `wordEpoch` agrees. */
  private readonly localOf: Int32Array;
  private readonly wordEpoch: Int32Array;
  /** Number of each node among its siblings in the order of learning, above `rankBase`; no more where not learnt. */
  private readonly rank: Int32Array;
  /** The greatest rank below each node. */
  private readonly kids: Int32Array;
  private rankBase = 0;
  private mostKids = 0;
  /** Length of the longest phrase learnt on each node's edge, its first word aside, above `base`. */
  private readonly seen: Int32Array;
  private base = 0;
  private longest = 0;
  private epoch = 1;
  /** Nodes in the order in which they were learnt, kept only where something may be taken back. */
  private learnt: number[] = [];

  constructor(
    index: PhraseIndex,
    private readonly mayRewind: boolean,
  ) {
    this.localOf = new Int32Array(index.vocabulary);
    this.wordEpoch = new Int32Array(index.vocabulary);
    this.seen = new Int32Array(index.nodes);
    this.rank = new Int32Array(index.nodes);
    this.kids = new Int32Array(index.nodes);
  }

  /** Start a new chunk: nothing written, nothing learnt. */
  reset(): void {
    this.length = 0;
    this.words = [];
    this.learnt = [];
    this.epoch++;
    this.base += this.longest;
    this.longest = 0;
    this.rankBase += this.mostKids;
    this.mostKids = 0;
    if (this.base > 2 ** 30) {
      this.seen.fill(0);
      this.base = 0;
    }
    if (this.rankBase > 2 ** 30) {
      this.rank.fill(0);
      this.kids.fill(0);
      this.rankBase = 0;
    }
  }

  varint(value: number): void {
    if (this.length + 10 > this.bytes.length) this.grow();
    if (value < 128) {
      this.bytes[this.length++] = value;
      return;
    }
    let rest = value;
    while (rest > 127) {
      this.bytes[this.length++] = (rest & 127) | 128;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.bytes[this.length++] = rest;
  }

  /** A word by its number in the chunk's list. */
  word(word: number): void {
    if (this.wordEpoch[word] !== this.epoch) {
      this.wordEpoch[word] = this.epoch;
      this.localOf[word] = this.words.length;
      this.words.push(word);
    }
    this.varint(this.localOf[word]);
  }

  /**
   * A cell in its context, with `bits` flags below its number.
   *
   * @param parent node of the line before the cell, of `length` words
   * @param child node of the line with the cell
   * @returns place of the flags, for `flag`
   */
  cell(parent: number, child: number, length: number, word: number, bits: number): number {
    const at = this.length;
    if (parent !== child) {
      const rank = this.rank[child] - this.rankBase;
      if (rank > 0) {
        const code = rank << bits;
        if (code < 128 && at < this.bytes.length) {
          this.bytes[at] = code;
          this.length = at + 1;
        } else {
          this.varint(code);
        }
        return at;
      }
      this.learn(parent, child);
    } else if (this.seen[child] > this.base + length) {
      // On an edge of several words there is one way to go.
      this.varint(1 << bits);
      return at;
    } else {
      this.learnOnEdge(child, length);
    }
    this.varint(0);
    this.word(word);
    return at;
  }

  /** Set flags of a cell that was written before. */
  flag(at: number, flags: number): void {
    this.bytes[at] |= flags;
  }

  mark(): TreeMark {
    return { length: this.length, learnt: this.learnt.length, words: this.words.length };
  }

  /** Take back everything written and learnt since the mark. */
  rewind(mark: TreeMark): void {
    this.length = mark.length;
    while (this.learnt.length > mark.learnt) {
      const parent = this.learnt.pop() as number;
      const child = this.learnt.pop() as number;
      const length = this.learnt.pop() as number;
      if (parent === child) {
        this.seen[child] = this.base + length;
      } else {
        this.rank[child] = 0;
        this.kids[parent]--;
      }
    }
    while (this.words.length > mark.words) this.wordEpoch[this.words.pop() as number] = 0;
  }

  private learn(parent: number, child: number): void {
    if (this.mayRewind) this.learnt.push(0, child, parent);
    const rank = Math.max(this.kids[parent], this.rankBase) + 1;
    this.kids[parent] = rank;
    this.rank[child] = rank;
    if (rank - this.rankBase > this.mostKids) this.mostKids = rank - this.rankBase;
  }

  private learnOnEdge(child: number, length: number): void {
    if (this.mayRewind) this.learnt.push(length, child, child);
    this.seen[child] = this.base + length + 1;
    if (length + 1 > this.longest) this.longest = length + 1;
  }

  private grow(): void {
    const wider = new Uint8Array(this.bytes.length * 2);
    wider.set(this.bytes);
    this.bytes = wider;
  }
}
