import { type CutBy, findBorders } from "./borders.ts";
import { sentenceEnds } from "./sentence-ends.ts";
import { countWords } from "./text.ts";

/** How to cut a text. */
export interface CutOptions {
  readonly by: CutBy;
  /** Pieces of fewer words are joined to their neighbours; 0 for no limit. */
  readonly minWords: number;
  /** Pieces of more words are cut again; Infinity for no limit. */
  readonly maxWords: number;
}

/** A piece of a text: the characters from `start` up to `end`. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly words: number;
}

/** A text, cut. */
export interface Cut {
  /** In the order of the text; each holds a word. */
  readonly pieces: readonly Piece[];
  /** Pieces that were left out because they hold no word. */
  readonly leftOut: number;
  /** Lines that start a piece, and how many of them stand inside a sentence (see Borders). */
  readonly lines: number | null;
  readonly moved: number;
  /** Pieces that are too large since they are one sentence. */
  readonly tooLarge: number;
  /** Pieces that are too small since no neighbour could take them. */
  readonly tooSmall: number;
}

/**
 * Cut a text into pieces, never inside a sentence: the sentences of all pieces are those of the text.
 *
 * First a piece of too many words is cut into parts of about the same size. Then a piece of too few is joined to the
 * next, or to the one before, where both together keep the upper limit.
 *
 * @param text decoded, as `decodeText` gives it
 * @example
 * cutText("a b.\n\nc d.", { by: "paragraph", minWords: 0, maxWords: Infinity }).pieces;
 * // [{ start: 0, end: 6, words: 2 }, { start: 6, end: 10, words: 2 }]
 */
export function cutText(text: string, { by, minWords, maxWords }: CutOptions): Cut {
  const { at, lines, moved } = findBorders(text, by);
  const all = joinSmall(cutAt(text, at, maxWords), minWords, maxWords);
  const pieces = all.filter(({ words }) => words > 0);
  return {
    pieces,
    leftOut: all.length - pieces.length,
    lines,
    moved,
    tooLarge: pieces.filter(({ words }) => words > maxWords).length,
    tooSmall: pieces.filter(({ words }) => words < minWords).length,
  };
}

/** The pieces between borders, and those that the upper limit makes. */
function cutAt(text: string, borders: readonly number[], maxWords: number): Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  const take = (end: number) => {
    const piece = { start, end, words: countWords(text.slice(start, end)) };
    if (piece.words <= maxWords) pieces.push(piece);
    else for (const part of partsOf(text, piece, maxWords)) pieces.push(part);
    start = end;
  };
  for (const border of borders) take(border);
  take(text.length);
  return pieces;
}

/** Cut a piece of too many words. */
function partsOf(text: string, { start, end, words }: Piece, maxWords: number): readonly Piece[] {
  const cutter = new Cutter(start, words, maxWords);
  let from = start;
  const take = (to: number, isParagraphEnd: boolean) => {
    cutter.add(from, to, countWords(text.slice(from, to)), isParagraphEnd);
    from = to;
  };
  for (const { at, isParagraphEnd } of sentenceEnds(text.slice(start, end))) take(start + at, isParagraphEnd);
  take(end, true);
  cutter.end(end);
  return cutter.parts;
}

/**
 * Collects sentences, and ends a part when it has its share of what is left, so that the last is no crumb: at the last
 * paragraph end if that leaves two thirds of the share, else at the sentence end.
 */
class Cutter {
  readonly parts: Piece[] = [];
  private words = 0;
  /** The last paragraph end in the open part, and the words up to it. */
  private paragraph: { readonly at: number; readonly words: number } | null = null;

  /**
   * @param start of the open part
   * @param left words from there on
   */
  constructor(
    private start: number,
    private left: number,
    private readonly maxWords: number,
  ) {}

  add(from: number, to: number, words: number, isParagraphEnd: boolean): void {
    // Twice at most: what is left behind a paragraph end has no paragraph end any more.
    while (this.words > 0 && this.words + words > this.maxWords) this.close(from);
    this.words += words;
    if (isParagraphEnd) this.paragraph = { at: to, words: this.words };
    if (this.words >= this.share()) this.close(to);
  }

  /** End the last part. */
  end(at: number): void {
    this.closeAt(at, this.words);
  }

  private share(): number {
    const parts = Math.ceil(this.left / this.maxWords);
    return parts > 1 ? this.left / parts : Number.POSITIVE_INFINITY;
  }

  private close(at: number): void {
    const { paragraph } = this;
    const isEnough = paragraph !== null && paragraph.words * 3 >= this.share() * 2;
    if (isEnough) this.closeAt(paragraph.at, paragraph.words);
    else this.closeAt(at, this.words);
  }

  private closeAt(at: number, words: number): void {
    if (at > this.start) this.parts.push({ start: this.start, end: at, words });
    this.start = at;
    this.words -= words;
    this.left -= words;
    this.paragraph = null;
  }
}

/** Join pieces of too few words with a neighbour. */
function joinSmall(pieces: readonly Piece[], minWords: number, maxWords: number): Piece[] {
  const joined: Piece[] = [];
  const mayJoin = (a: Piece, b: Piece) => a.words + b.words <= maxWords;
  const joinLast = () => {
    const [before, last] = joined.slice(-2);
    if (last === undefined || last.words >= minWords || !mayJoin(before, last)) return;
    joined.splice(-2, 2, join(before, last));
  };
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (last !== undefined && last.words < minWords && mayJoin(last, piece)) {
      joined[joined.length - 1] = join(last, piece);
      continue;
    }
    joinLast();
    joined.push(piece);
  }
  joinLast();
  return joined;
}

function join(a: Piece, b: Piece): Piece {
  return { start: a.start, end: b.end, words: a.words + b.words };
}
