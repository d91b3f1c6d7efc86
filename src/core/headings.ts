/** Headings are short: a longer line is a paragraph that begins like one. */
const MAX_HEADING_CHARACTERS = 80;
/** "CHAPTER I." may stand above its title. */
const MAX_HEADING_LINES = 2;

const ROMAN = "(?=[IVXLC])C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})";
const COUNTED = [
  ..."one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split(" "),
  ..."sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety".split(" "),
  ..."first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth last".split(" "),
].join("|");
const PARTS = "chapter|book|part|volume|adventure|letter|stave|act|canto";
const NAMES = "prologue|epilogue|preface|foreword|introduction|conclusion|afterword|appendix";

const numberedPart = new RegExp(`^(?:${PARTS})\\s+(?:the\\s+)?(?:\\d+|${ROMAN}|${COUNTED})(?!\\w)`, "i");
const namedPart = new RegExp(`^(?:${NAMES})[.:]?$`, "i");
const numeral = new RegExp(`^(${ROMAN})(?:\\.\\s+(?=\\P{Ll})|\\.?$)`, "u");
// "Part one was easy" is no heading, "Part One: The Sea", "PART ONE" and "Part One The Sea" are.
const behindNumber = /^\s*$|^[.:)\]\u2014\u2013-]|^\s+\P{Ll}/u;
// A numeral before a name may be an initial: C. Smith. Few names begin with I, V or X.
const initials = ["C", "L"];
const markdown = /^ {0,3}#{1,2}[ \t]+\S/;

/** The lines of a text, each with its position, without what ends them. */
export function* linesOf(text: string): Generator<{ readonly start: number; readonly line: string }> {
  for (let start = 0; start < text.length; ) {
    const feed = text.indexOf("\n", start);
    const end = feed < 0 ? text.length : feed;
    const line = text.slice(start, end);
    yield { start, line: line.endsWith("\r") ? line.slice(0, -1) : line };
    start = end + 1;
  }
}

function isHeadingLine(line: string): boolean {
  const bare = line.replace(/^[#*_=\s]+/, "").replace(/[#*_=\s]+$/, "");
  const roman = numeral.exec(bare);
  if (roman !== null) return roman[0].length === bare.length || !initials.includes(roman[1]);
  if (!/^\p{Lu}/u.test(bare)) return false;
  const part = numberedPart.exec(bare);
  return part === null ? namedPart.test(bare) : behindNumber.test(bare.slice(part[0].length));
}

/** Lines between two blank ones; a Markdown heading is a block of its own, as it needs no blank lines. */
interface Block {
  readonly start: number;
  readonly isMarkdown: boolean;
  /** The first lines; one more than a heading may have where there are more. */
  readonly lines: string[];
}

function* blocksOf(text: string): Generator<Block> {
  let block: Block | null = null;
  for (const { start, line } of linesOf(text)) {
    const isMarkdown = markdown.test(line);
    const isBlank = line.trim() === "";
    if (block !== null && (isBlank || isMarkdown || block.isMarkdown)) {
      yield block;
      block = null;
    }
    if (block === null) block = isBlank ? null : { start, isMarkdown, lines: [line] };
    else if (block.lines.length <= MAX_HEADING_LINES) block.lines.push(line);
  }
  if (block !== null) yield block;
}

function isHeading({ isMarkdown, lines }: Block): boolean {
  if (isMarkdown) return true;
  const isShort = lines.every(({ length }) => length <= MAX_HEADING_CHARACTERS);
  return lines.length <= MAX_HEADING_LINES && isShort && isHeadingLine(lines[0]);
}

/**
 * Where the chapters of a text start: positions of lines that read like "CHAPTER I", "Book the First: Recalled to
 * Life" or "VII. THE BLUE CARBUNCLE", alone or with a title below them, between blank lines; and of Markdown's
 * headings of the first two levels.
 *
 * Headings that follow each other, as in "BOOK ONE", "CHAPTER I" or a table of contents, start one chapter.
 */
export function* chapterStarts(text: string): Generator<number> {
  let wasHeading = false;
  for (const block of blocksOf(text)) {
    const starts = isHeading(block);
    if (starts && !wasHeading) yield block.start;
    wasHeading = starts;
  }
}
