// What the numbers of cells stand for: section 9 of FORMAT.md, and section 13 for format 1; part of the second reader
// (reader.ts).
import { type Input, insist } from "./wire.ts";

export interface Cells {
  /** The word of a cell with this number in this context; `input` stands right behind the number. */
  word(context: readonly number[], number: number, input: Input): number;
}

const end = -1;

/** A phrase, by the places behind it in the text. */
class Phrase {
  private known?: { readonly followers: readonly number[]; readonly longer: ReadonlyMap<number, Phrase> };

  constructor(
    private readonly tokens: readonly number[],
    private readonly places: readonly number[],
  ) {}

  /** The words that follow it, ascending, and with each the phrase that ends in it. */
  get next() {
    if (this.known !== undefined) return this.known;
    const places = new Map<number, number[]>();
    for (const place of this.places) {
      const word = this.tokens[place];
      if (word === end) continue;
      if (!places.has(word)) places.set(word, []);
      places.get(word)!.push(place + 1);
    }
    const longer = new Map([...places].map(([word, behind]) => [word, new Phrase(this.tokens, behind)]));
    this.known = { followers: [...longer.keys()].sort((a, b) => a - b), longer };
    return this.known;
  }
}

/** Format 2: numbers among the words that follow the context anywhere in the sentences. */
export class Followers implements Cells {
  /** The phrase of no words, which any word follows. */
  private readonly empty: Phrase;

  constructor(sentences: readonly (readonly number[])[]) {
    const tokens = sentences.flatMap((sentence) => [...sentence, end]);
    this.empty = new Phrase(tokens, [...tokens.keys()]);
  }

  word(context: readonly number[], number: number): number {
    let phrase = this.empty;
    for (const word of context) {
      const longer = phrase.next.longer.get(word);
      insist(longer !== undefined, "a context that is no phrase");
      phrase = longer;
    }
    const { followers } = phrase.next;
    insist(number < followers.length, "a cell number beyond its context's followers");
    return followers[number];
  }
}

/** Format 1: numbers in the list of what has been coded after the context in this chunk. */
export class Learnt implements Cells {
  private readonly lists = new Map<string, number[]>();

  /** @param words how many words the chunk lists */
  constructor(private readonly words: number) {}

  word(context: readonly number[], number: number, input: Input): number {
    const key = context.join(" ");
    const list = this.lists.get(key) ?? [];
    insist(number <= list.length, "a cell number beyond its context's list");
    if (number > 0) return list[number - 1];
    const word = input.below(this.words);
    list.push(word);
    this.lists.set(key, list);
    return word;
  }
}
