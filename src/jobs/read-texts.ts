import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { Source } from "../archive/manifest.ts";
import { type Corpus, corpusOfText } from "../core/corpus.ts";
import { decodeText } from "../core/text.ts";
import { FoldError, fromSystemError } from "../errors.ts";

/** Where a text is: a file, or the standard input. */
export interface TextPlace {
  readonly name: string;
  /** Path of the file; null for the standard input. */
  readonly path: string | null;
}

/** What texts become, and what to do where two would become the same. */
interface Become {
  readonly what: string;
  readonly wayOut: string;
}

const archives: Become = {
  what: "archive",
  wayOut: "rename one of them, give them one after the other with --name, or join them with --merge",
};

/** A text, read. */
export interface ReadText {
  readonly corpus: Corpus;
  readonly source: Source;
}

/**
 * The texts that paths stand for: files as they are, folders for all `*.txt` below them, `-` for the standard input.
 *
 * @param become what a text becomes under its name, for messages
 * @throws FoldError `not_found` for a missing path, `empty` for a folder without texts, `usage` for two equal names
 */
export function findTexts(paths: readonly string[], become: Become = archives): TextPlace[] {
  const places = paths.flatMap((path) => (path === "-" ? [{ name: "stdin", path: null }] : textsAt(path)));
  const seen = new Map<string, TextPlace>();
  for (const place of places) {
    const other = seen.get(place.name);
    if (other !== undefined) {
      throw new FoldError(
        "usage",
        `${other.path ?? "-"} and ${place.path ?? "-"} would both become the ${become.what} "${place.name}"`,
        become.wayOut,
      );
    }
    seen.set(place.name, place);
  }
  return places;
}

function textsAt(path: string): TextPlace[] {
  try {
    if (!statSync(path).isDirectory()) return [{ name: textName(path), path }];
    const files = readdirSync(path, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".txt"))
      .map((file) => join(path, file))
      .filter((file) => statSync(file).isFile())
      .sort();
    if (files.length > 0) return files.map((file) => ({ name: textName(file), path: file }));
  } catch (error) {
    throw fromSystemError(error, "read the text", path);
  }
  throw new FoldError("empty", `the folder ${path} holds no texts`, "texts are files whose names end in .txt");
}

const textName = (path: string) => basename(path).replace(/(?<=.)\.txt$/, "");

/**
 * Read a text into its sentences.
 *
 * @throws FoldError `not_found`, `unreadable`, `not_utf8`, or `empty` when it holds no word
 */
export async function readText(place: TextPlace): Promise<ReadText> {
  const { corpus, counts } = corpusOfText(await readDecoded(place));
  if (corpus.words.length === 0) throw holdsNoWords(place);
  return { corpus, source: { name: place.name, ...counts } };
}

/**
 * Read a text as it is written.
 *
 * @throws FoldError `not_found`, `unreadable` or `not_utf8`
 */
export async function readDecoded(place: TextPlace): Promise<string> {
  return decodeText(await readBytes(place), place.path ?? "the standard input");
}

/**
 * The bytes of a text.
 *
 * @throws FoldError `not_found` or `unreadable`
 */
export async function readBytes({ path }: TextPlace): Promise<Uint8Array> {
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
    return readFileSync(path);
  } catch (error) {
    throw fromSystemError(error, "read the text", path);
  }
}
