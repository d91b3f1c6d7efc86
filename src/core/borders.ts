import { chapterStarts, linesOf } from "./headings.ts";
import { sentenceEnds } from "./sentence-ends.ts";

/** What starts a new piece of a text: a heading, a paragraph, a sentence, or a line that passes a test. */
export type CutBy = "chapter" | "paragraph" | "sentence" | ((line: string) => boolean);

/** Where the pieces of a text meet. */
export interface Borders {
  /** Positions, ascending, each between two sentences. */
  readonly at: readonly number[];
  /** Lines that start a piece; null where it is not lines that do. */
  readonly lines: number | null;
  /** How many of them stand inside a sentence, so that their piece starts where the sentence does. */
  readonly moved: number;
}

/** Find where a text is to be cut, before any limit on the size of its pieces. */
export function findBorders(text: string, by: CutBy): Borders {
  if (by === "chapter") return bordersAtLines(text, chapterStarts(text));
  if (typeof by !== "string") return bordersAtLines(text, linesThatPass(text, by));
  const at: number[] = [];
  for (const end of sentenceEnds(text)) if (by === "sentence" || end.isParagraphEnd) at.push(end.at);
  return { at, lines: null, moved: 0 };
}

function* linesThatPass(text: string, test: (line: string) => boolean): Generator<number> {
  for (const { start, line } of linesOf(text)) if (test(line)) yield start;
}

/**
 * The borders for lines that start a piece. A line inside a sentence cannot: its piece starts with that sentence, so
 * that the line is in the piece which it was to start, and not at the end of the one before.
 */
function bordersAtLines(text: string, lines: Iterable<number>): Borders {
  const ends = sentenceEnds(text);
  const nextEnd = () => ends.next().value?.at ?? text.length;
  const wordFrom = wordFinder(text);
  const at: number[] = [];
  let [from, to] = [0, nextEnd()];
  let firstWord = wordFrom(from);
  let count = 0;
  let moved = 0;
  for (const line of lines) {
    count++;
    if (line >= to) {
      while (line >= to) [from, to] = [to, nextEnd()];
      firstWord = wordFrom(from);
    }
    let place = from;
    if (firstWord < line) {
      if (wordFrom(line) >= to) place = to;
      else moved++;
    }
    if (place > (at.at(-1) ?? 0)) at.push(place);
  }
  return { at, lines: count, moved };
}

/** Finds the next word from a position on. Positions must ascend, so that the whole text is searched only once. */
function wordFinder(text: string): (position: number) => number {
  const word = /[\p{Alphabetic}']/gu;
  let found = -1;
  return (position) => {
    if (found >= position) return found;
    word.lastIndex = position;
    found = word.exec(text)?.index ?? text.length;
    return found;
  };
}
