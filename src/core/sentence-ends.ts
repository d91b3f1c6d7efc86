/** A place between two sentences: the only kind of place where a text may be cut. */
export interface SentenceEnd {
  /** Position in the text. */
  readonly at: number;
  /** A blank line is there. */
  readonly isParagraphEnd: boolean;
}

// What ends a sentence, with the quotes and brackets that close behind it and the white space up to the next sentence;
// ends that touch, as in "What?! . . .", are one. U+037E is here because NFC, which comes before sentences, makes a
// semicolon of it.
const GAP = /(?:(?:[.?;!,\u037E]["\u201D\u2019\u00BB)\]_*]*|\n\r?\n)\s*)+/g;
const BLANK_LINE = /\n\r?\n/;

/**
 * The places between the sentences of a text, in order; the last may be its end.
 *
 * Cut at any of them, and both sides by themselves have the sentences that they have together: what ends a sentence
 * stays on the left, no word lies between it and the place, and none of the characters in GAP composes with what
 * follows it. A place is at the start of a line where it can be, so that headings and indents stay whole.
 *
 * @param text decoded, and not normalised: the positions are those of the text as its author wrote it
 */
export function* sentenceEnds(text: string): Generator<SentenceEnd, undefined> {
  for (const { 0: gap, index } of text.matchAll(GAP)) {
    const line = gap.lastIndexOf("\n") + 1;
    const at = index + (line > 0 ? line : gap.length);
    yield { at, isParagraphEnd: BLANK_LINE.test(gap) };
  }
}
