import { FoldError } from "../errors.ts";

/** A phrase, as what cells are coded in: the words that may follow it have numbers. */
export interface Context {
  /** The phrase with one word more. */
  with(word: number): Context;
  /** The word of a number. Where that is not known before, `input` goes on with it. */
  word(number: number, input: CodeInput): number;
}

/** What a chunk's words are told by. */
export interface Lexicon {
  /** How many words there are. */
  readonly count: number;
  /** The context of a single word. */
  after(word: number): Context;
  /** The number of a word by its spelling, -1 for none; null in format 1, where origin words and ends are numbers. */
  readonly numberOf: ((spelling: string) => number) | null;
}

/** In archives of format 1: 0 announces a word; the others are those that were announced in this chunk, counted from 1. */
class LearntContext implements Context {
  private readonly coded: number[] = [];
  private longer: Map<number, Context> | null = null;

  with(word: number): Context {
    this.longer ??= new Map();
    let context = this.longer.get(word);
    if (context === undefined) {
      context = new LearntContext();
      this.longer.set(word, context);
    }
    return context;
  }

  word(number: number, input: CodeInput): number {
    if (number > this.coded.length) throw corruptCode("names a word that has not followed its line yet");
    if (number > 0) return this.coded[number - 1];
    const word = input.word();
    this.coded.push(word);
    return word;
  }
}

/** In format 1 a chunk has words of its own, and its contexts are learnt anew. */
export class LearntLexicon implements Lexicon {
  readonly numberOf = null;

  constructor(readonly count: number) {}

  after(): Context {
    return new LearntContext();
  }
}

/** Reads numbers, words and cells of a tree code; throws FoldError `corrupt` where it makes no sense. */
export class CodeInput {
  private at = 0;
  private readonly single: (Context | undefined)[];

  constructor(
    private readonly code: Uint8Array,
    private readonly lexicon: Lexicon,
  ) {
    this.single = new Array(lexicon.count).fill(undefined);
  }

  get isFirstFormat(): boolean {
    return this.lexicon.numberOf === null;
  }

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

  /** A word by its number. */
  word(): number {
    const word = this.varint();
    if (word >= this.lexicon.count) throw corruptCode("names a word that there is not");
    return word;
  }

  /** The origin word of a block. */
  origin(): number {
    const { numberOf } = this.lexicon;
    if (numberOf === null) return this.word();
    const length = this.varint();
    if (length > this.left) throw corruptCode("ends in the middle of a word");
    const word = numberOf(decodeWord(this.code.subarray(this.at, this.at + length)));
    if (word < 0) throw corruptCode("spells a word that the text does not hold");
    this.at += length;
    return word;
  }

  /** The context of a single word. */
  after(word: number): Context {
    const known = this.single[word];
    if (known !== undefined) return known;
    const context = this.lexicon.after(word);
    this.single[word] = context;
    return context;
  }

  /** A cell's word: `number` is its number in the context. */
  cell(context: Context, number: number): number {
    return context.word(number, this);
  }
}

function decodeWord(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw corruptCode("spells a word that is no UTF-8");
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
