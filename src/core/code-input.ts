import { FoldError } from "../errors.ts";

/** What follows one phrase: the words that were coded after it so far, and the phrases one word longer. */
export class Context {
  /** Words coded in this context, in order of first use: the number of a word is its place, from 1. */
  readonly coded: number[] = [];
  private longer: Map<number, Context> | null = null;

  /** The phrase with one word more. */
  with(word: number): Context {
    this.longer ??= new Map();
    let context = this.longer.get(word);
    if (context === undefined) {
      context = new Context();
      this.longer.set(word, context);
    }
    return context;
  }
}

/** Reads numbers, words and cells of a tree code; throws FoldError `corrupt` where it makes no sense. */
export class CodeInput {
  private at = 0;
  private readonly single: Context[] = [];

  /** @param words how many words the chunk's list has */
  constructor(
    private readonly code: Uint8Array,
    private readonly words: number,
  ) {}

  get left(): number {
    return this.code.length - this.at;
  }

  varint(): number {
    const { code } = this;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      if (this.at >= code.length) throw corruptCode("ends in the middle of a number");
      const byte = code[this.at++];
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw corruptCode("holds a number that is too large");
  }

  /** A word by its number in the chunk's list. */
  word(): number {
    const word = this.varint();
    if (word >= this.words) throw corruptCode("names a word that is not in the chunk's list");
    return word;
  }

  /** The context of a single word. */
  after(word: number): Context {
    this.single[word] ??= new Context();
    return this.single[word];
  }

  /** A cell's word: `number` is its number in the context, 0 for a new word, which is read then. */
  cell(context: Context, number: number): number {
    if (number > context.coded.length) throw corruptCode("names a word that has not followed its line yet");
    if (number > 0) return context.coded[number - 1];
    const word = this.word();
    context.coded.push(word);
    return word;
  }
}

/** The number above `bits` flags. */
export function withoutFlags(value: number, bits: number): number {
  return Math.floor(value / 2 ** bits);
}

/** The error for a tree code that makes no sense. */
export function corruptCode(what: string): FoldError {
  return new FoldError("corrupt", `the tree code ${what}`, "the chunk is damaged, or was not written by fold");
}
