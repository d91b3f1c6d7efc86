import { type CodeInput, type Context, corruptCode } from "./code-input.ts";
import type { Corpus } from "./corpus.ts";
import { lowerBound } from "./typed.ts";

/** Ends a sentence; before all words. */
const END = -1;

/**
 * The words that follow the phrases of a corpus, found when they are asked for: what a reader of archives needs of an
 * index, in eight bytes a word and without waiting for it.
 *
 * Where a phrase occurs is a range of places; they are sorted by what comes next once that is asked for, which makes
 * ranges for the phrases one word longer. So all of it is an order of suffixes that is made as far as it is needed.
 */
export class Followers {
  /** All sentences, each with END behind it. */
  private readonly tokens: Int32Array;
  /** Places in `tokens`, those of a phrase side by side. */
  private readonly places: Int32Array;
  /** By word, where its places start. */
  private readonly from: Int32Array;

  constructor({ words, tokens, starts }: Corpus) {
    const sentences = starts.length - 1;
    this.tokens = new Int32Array(tokens.length + sentences).fill(END);
    this.places = new Int32Array(tokens.length);
    this.from = new Int32Array(words.length + 2);
    for (const token of tokens) this.from[token + 2]++;
    for (let word = 2; word < this.from.length; word++) this.from[word] += this.from[word - 1];
    for (let sentence = 0; sentence < sentences; sentence++) {
      for (let at = starts[sentence]; at < starts[sentence + 1]; at++) {
        this.tokens[at + sentence] = tokens[at];
        this.places[this.from[tokens[at] + 1]++] = at + sentence;
      }
    }
  }

  /** The phrase of one word. What is found is kept with it, and forgotten with it. */
  after(word: number): Context {
    return new Phrase(this, this.from[word], this.from[word + 1], 1);
  }

  /**
   * Sort the places `from .. to - 1` of a phrase by the word that follows, unless they are sorted since somebody asked.
   *
   * @returns the words that do, ascending, and where the places of each start, with the end of the last
   */
  sort(from: number, to: number, length: number): { words: number[]; starts: number[] } {
    const { tokens, places } = this;
    const words: number[] = [];
    const starts: number[] = [];
    let last = END;
    for (let i = from; i < to; i++) {
      const next = tokens[places[i] + length];
      if (next === last) continue;
      if (next < last) {
        this.sortPlaces(from, to, length);
        return this.sort(from, to, length);
      }
      last = next;
      words.push(next);
      starts.push(i);
    }
    starts.push(to);
    return { words, starts };
  }

  private sortPlaces(from: number, to: number, length: number): void {
    const { tokens, places } = this;
    const size = tokens.length;
    const keys = new Float64Array(to - from);
    for (let i = from; i < to; i++) keys[i - from] = (tokens[places[i] + length] + 1) * size + places[i];
    keys.sort();
    for (let i = from; i < to; i++) places[i] = keys[i - from] % size;
  }
}

/** A phrase by its places. */
class Phrase implements Context {
  /** The words that follow, ascending, and where their places start; null before anybody asks. */
  private words: readonly number[] | null = null;
  private starts: readonly number[] = [];
  private longer: (Phrase | undefined)[] = [];
  /** The number that was asked for last: mostly it is the one that the phrase goes on with. */
  private last = 0;

  constructor(
    private readonly followers: Followers,
    private readonly from: number,
    private readonly to: number,
    private readonly length: number,
  ) {}

  with(word: number): Context {
    const words = this.words ?? this.sort();
    const i = words[this.last] === word ? this.last : lowerBound(words, 0, words.length, word);
    // The tree code makes words neighbours without saying so, too: in a square.
    if (words[i] !== word) throw corruptCode("holds a line that is no phrase of the text");
    const known = this.longer[i];
    if (known !== undefined) return known;
    const longer = new Phrase(this.followers, this.starts[i], this.starts[i + 1], this.length + 1);
    this.longer[i] = longer;
    return longer;
  }

  word(number: number, _input: CodeInput): number {
    const words = this.words ?? this.sort();
    if (number >= words.length) throw corruptCode("names a word that never follows its line");
    this.last = number;
    return words[number];
  }

  private sort(): readonly number[] {
    const { words, starts } = this.followers.sort(this.from, this.to, this.length);
    this.words = words;
    this.starts = starts;
    this.longer = new Array(words.length).fill(undefined);
    return words;
  }
}
