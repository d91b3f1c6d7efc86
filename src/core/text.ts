import { FoldError } from "../errors.ts";

/** Receives the sentences of a text in their order; `words` is reused between calls. */
export type SentenceSink = (words: readonly string[]) => void;

const SPACE = 0;
const WORD = 1;
const SENTENCE_END = 2;

/** A string holds no more characters, so no more bytes are sure to become one. */
const MAX_TEXT_BYTES = 2 ** 31 - 1;

/**
 * Refuse a text that is too long, before it is read or decoded: the decoder makes nothing of it, without an error.
 *
 * @param name named in the error
 * @throws FoldError `too_long`
 */
export function checkTextSize(size_bytes: number, name: string): void {
  if (size_bytes <= MAX_TEXT_BYTES) return;
  throw new FoldError(
    "too_long",
    `${name} has ${size_bytes} bytes, and a text may have ${MAX_TEXT_BYTES}`,
    "cut it at a blank line, and join the parts with `fold run --merge`",
  );
}

/**
 * Decode a text: UTF-8, without a leading byte-order mark.
 *
 * @param name named in the error
 * @throws FoldError `not_utf8` with the byte offset of the first byte that is not UTF-8; `too_long`
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  checkTextSize(bytes.length, name);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const offset = firstInvalidByte(bytes);
    const byte = bytes[offset];
    const what = byte === undefined ? "the end" : `byte 0x${byte.toString(16).padStart(2, "0")}`;
    throw new FoldError(
      "not_utf8",
      `${name} is not UTF-8: ${what} at byte offset ${offset} does not belong there`,
      "convert it first, for example: iconv -f latin1 -t utf-8 FILE > FILE.utf8",
      cause,
    );
  }
}

/** Offset in bytes of the first character that is not well-formed UTF-8. */
function firstInvalidByte(bytes: Uint8Array): number {
  let valid = 0;
  let invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >>> 1;
    if (decodes(bytes.subarray(0, middle), true)) valid = middle;
    else invalid = middle;
  }
  // `valid` bytes may end within a character whose next byte is wrong: that character is the fault.
  let offset = valid;
  while (offset > 0 && !decodes(bytes.subarray(0, offset), false)) offset--;
  return offset;
}

function decodes(bytes: Uint8Array, mayEndWithinCharacter: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: mayEndWithinCharacter });
    return true;
  } catch {
    return false;
  }
}

/**
 * Cut a text into its sentences of lower-case words.
 *
 * Paragraphs end at a blank line, sentences at each of `. ? ; ! ,`. What is neither alphabetic, white space
 * nor `'` counts as a space; U+2019 between two letters counts as `'`.
 *
 * @param text decoded; a leading byte-order mark is dropped
 */
export function eachSentence(text: string, sink: SentenceSink): void {
  const source = normalise(text);
  const lowered = new Map<string, string>();
  let words: string[] = [];
  let wordStart = -1;
  const endWord = (end: number) => {
    if (wordStart < 0) return;
    const raw = source.slice(wordStart, end);
    let word = lowered.get(raw);
    if (word === undefined) {
      word = raw.toLowerCase();
      lowered.set(raw, word);
    }
    words.push(word);
    wordStart = -1;
  };
  const endSentence = () => {
    if (words.length > 0) sink(words);
    words = [];
  };
  let previous = 0;
  for (let i = 0; i < source.length; ) {
    const point = source.codePointAt(i)!;
    const kind = classOf(point);
    if (kind === WORD) {
      if (wordStart < 0) wordStart = i;
    } else {
      endWord(i);
      if (kind === SENTENCE_END || (point === 0x0a && previous === 0x0a)) endSentence();
    }
    previous = point;
    i += point > 0xffff ? 2 : 1;
  }
  endWord(source.length);
  endSentence();
}

/** How many words a text holds, as `eachSentence` finds them, without making them. */
export function countWords(text: string): number {
  const source = normalise(text);
  let words = 0;
  let isInWord = false;
  for (let i = 0; i < source.length; ) {
    const point = source.codePointAt(i)!;
    const isWord = classOf(point) === WORD;
    if (isWord && !isInWord) words++;
    isInWord = isWord;
    i += point > 0xffff ? 2 : 1;
  }
  return words;
}

function normalise(text: string): string {
  const plain = text.startsWith("\ufeff") ? text.slice(1) : text;
  const lines = plain.normalize("NFC").replaceAll("\r\n", "\n");
  if (!lines.includes("\u2019")) return lines;
  return lines.replace(/(?<=\p{Alphabetic})\u2019(?=\p{Alphabetic})/gu, "'");
}

const ascii = new Uint8Array(128);
for (let point = 0; point < 128; point++) ascii[point] = classify(point);
const others = new Map<number, number>();

function classOf(point: number): number {
  if (point < 128) return ascii[point];
  let kind = others.get(point);
  if (kind === undefined) {
    kind = classify(point);
    others.set(point, kind);
  }
  return kind;
}

function classify(point: number): number {
  const character = String.fromCodePoint(point);
  if (".?;!,".includes(character)) return SENTENCE_END;
  return character === "'" || /\p{Alphabetic}/u.test(character) ? WORD : SPACE;
}
