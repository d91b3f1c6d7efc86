import { readFileSync, statSync } from "node:fs";
import type { Source } from "../archive/manifest.ts";
import { type Corpus, corpusOfText } from "../core/corpus.ts";
import { checkTextSize, decodeText } from "../core/text.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { readOnce } from "./read-once.ts";

/** Where a text is: a file, or the standard input. */
export interface TextPlace {
  readonly name: string;
  /** Path of the file; null for the standard input. */
  readonly path: string | null;
  /** What keeps it from being read, where that was seen when it was found. */
  readonly trouble?: FoldError;
}

/** A text, read. */
export interface ReadText {
  readonly corpus: Corpus;
  readonly source: Source;
}

/**
 * Read a text into its sentences.
 *
 * @param signal leaves a text that somebody else has yet to write
 * @throws FoldError `not_found`, `unreadable`, `not_utf8`, `too_long`, `interrupted`, or `empty` when it holds no word
 */
export async function readText(place: TextPlace, signal?: AbortSignal): Promise<ReadText> {
  const { corpus, counts } = corpusOfText(await readDecoded(place, signal));
  if (corpus.words.length === 0) throw holdsNoWords(place);
  return { corpus, source: { name: place.name, ...counts } };
}

/**
 * Read a text as it is written.
 *
 * @param signal as above
 * @throws FoldError `not_found`, `unreadable`, `not_utf8`, `too_long` or `interrupted`
 */
export async function readDecoded(place: TextPlace, signal?: AbortSignal): Promise<string> {
  return decodeText(await readBytes(place, signal), place.path ?? "the standard input");
}

/**
 * The bytes of a text.
 *
 * @param signal as above
 * @throws FoldError `not_found`, `unreadable`, `too_long` or `interrupted`, or what kept it from being read before
 */
export async function readBytes({ path, trouble }: TextPlace, signal?: AbortSignal): Promise<Uint8Array> {
  if (trouble !== undefined) throw trouble;
  const file = path === null ? null : readFile(path);
  return file ?? Buffer.concat(await Array.fromAsync(readOnce(path, path ?? "the standard input", signal)));
}

/** The error of a text without words. */
export function holdsNoWords({ path }: TextPlace): FoldError {
  return new FoldError(
    "empty",
    `${path ?? "the standard input"} holds no words`,
    "a text needs at least one sentence of letters",
  );
}

/** null for what is no file: a pipe, whose other end may keep whoever waits for it from hearing a signal. */
function readFile(path: string): Uint8Array | null {
  try {
    const info = statSync(path);
    if (info.isFIFO() || info.isSocket() || info.isCharacterDevice()) return null;
    checkTextSize(info.size, path);
    return readFileSync(path);
  } catch (error) {
    throw fromSystemError(error, "read the text", path);
  }
}
