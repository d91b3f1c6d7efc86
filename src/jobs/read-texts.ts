import { readFileSync, statSync } from "node:fs";
import type { Source } from "../archive/manifest.ts";
import { type Corpus, corpusOfText } from "../core/corpus.ts";
import { checkTextSize, decodeText } from "../core/text.ts";
import { FoldError, fromSystemError } from "../errors.ts";

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
 * @throws FoldError `not_found`, `unreadable`, `not_utf8`, `too_long`, or `empty` when it holds no word
 */
export async function readText(place: TextPlace): Promise<ReadText> {
  const { corpus, counts } = corpusOfText(await readDecoded(place));
  if (corpus.words.length === 0) throw holdsNoWords(place);
  return { corpus, source: { name: place.name, ...counts } };
}

/**
 * Read a text as it is written.
 *
 * @throws FoldError `not_found`, `unreadable`, `not_utf8` or `too_long`
 */
export async function readDecoded(place: TextPlace): Promise<string> {
  return decodeText(await readBytes(place), place.path ?? "the standard input");
}

/**
 * The bytes of a text.
 *
 * @throws FoldError `not_found`, `unreadable` or `too_long`, or what kept it from being read before
 */
export async function readBytes({ path, trouble }: TextPlace): Promise<Uint8Array> {
  if (trouble !== undefined) throw trouble;
  return path === null ? new Uint8Array(await Bun.stdin.arrayBuffer()) : readFile(path);
}

/** The error of a text without words. */
export function holdsNoWords({ path }: TextPlace): FoldError {
  return new FoldError(
    "empty",
    `${path ?? "the standard input"} holds no words`,
    "a text needs at least one sentence of letters",
  );
}

function readFile(path: string): Uint8Array {
  try {
    checkTextSize(statSync(path).size, path);
    return readFileSync(path);
  } catch (error) {
    throw fromSystemError(error, "read the text", path);
  }
}
