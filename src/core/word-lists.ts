import { widened } from "./typed.ts";

/**
 * A list of entries for every word, emptied in no time: linked lists in typed arrays, newest entry first.
 *
 * An entry is two numbers. What was added before the last `clear` is told by its epoch and needs no wiping.
 */
export class WordLists {
  /** The two numbers of each entry, and the next older entry of the same word, -1 at the end. */
  first: Int32Array = new Int32Array(1024);
  second: Int32Array = new Int32Array(1024);
  older: Int32Array = new Int32Array(1024);
  /** Newest entry of each word, plus the epoch in which it was added. */
  private readonly newest: Int32Array;
  private epoch = 1;
  private size = 0;

  constructor(vocabulary: number) {
    this.newest = new Int32Array(vocabulary);
  }

  /** Empty all lists. */
  clear(): void {
    this.epoch += this.size;
    this.size = 0;
    if (this.epoch < 2 ** 30) return;
    this.newest.fill(0);
    this.epoch = 1;
  }

  /** Make room for `more` entries: call before adding them. */
  reserve(more: number): void {
    if (this.size + more <= this.first.length) return;
    for (const name of ["first", "second", "older"] as const) {
      this[name] = widened(this[name], (this.size + more) * 2);
    }
  }

  /** Add an entry in front of the list of `word`. */
  add(word: number, first: number, second: number): void {
    const at = this.size++;
    this.first[at] = first;
    this.second[at] = second;
    this.older[at] = this.entry(word);
    this.newest[word] = this.epoch + at;
  }

  /** The newest entry of a word, -1 when it has none. */
  entry(word: number): number {
    const at = this.newest[word] - this.epoch;
    return at >= 0 ? at : -1;
  }

  /** The first number of a word's newest entry, -1 when it has none. */
  node(word: number): number {
    const at = this.newest[word] - this.epoch;
    return at >= 0 ? this.first[at] : -1;
  }
}
