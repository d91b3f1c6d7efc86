import { compareUtf8 } from "../core/compare.ts";
import type { Corpus } from "../core/corpus.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";

/** First bytes of `interner.bin`. */
const MAGIC = new TextEncoder().encode("FOLDI1");

/** What no word holds: a line of an export would be another ortho's, or tell a terminal what to do. */
const NOT_IN_WORDS = /[\p{White_Space}\p{Cc}]/u;

/** Encode vocabulary and sentences (FORMAT.md, "interner.bin"). */
export function encodeInterner(corpus: Corpus): Uint8Array {
  const out = new ByteWriter(corpus.tokens.length * 2 + 1024);
  out.raw(MAGIC);
  out.varint(corpus.words.length);
  for (const word of corpus.words) out.text(word);
  out.varint(corpus.starts.length - 1);
  for (let i = 0; i + 1 < corpus.starts.length; i++) {
    out.varint(corpus.starts[i + 1] - corpus.starts[i]);
    for (let at = corpus.starts[i]; at < corpus.starts[i + 1]; at++) out.varint(corpus.tokens[at]);
  }
  return out.finish();
}

/**
 * Decode `interner.bin`.
 *
 * @throws FoldError `corrupt`; memory is bounded by the size of the bytes
 */
export function decodeInterner(bytes: Uint8Array): Corpus {
  const input = new ByteReader(bytes, "interner.bin");
  const magic = input.raw(MAGIC.length);
  if (!MAGIC.every((byte, i) => magic[i] === byte)) throw input.corrupt("does not start as it should");
  const words: string[] = [];
  for (let i = input.count(); i > 0; i--) {
    const word = input.text();
    if (word === "" || NOT_IN_WORDS.test(word)) throw input.corrupt("holds a word that is none");
    if (words.length > 0 && compareUtf8(words[words.length - 1], word) >= 0) {
      throw input.corrupt("holds words that are not in order");
    }
    words.push(word);
  }
  const tokens = new Int32Array(input.left);
  const starts = new Int32Array(input.count() + 1);
  let filled = 0;
  for (let i = 1; i < starts.length; i++) {
    const end = filled + input.count();
    if (end === filled) throw input.corrupt("holds an empty sentence");
    while (filled < end) tokens[filled++] = input.below(words.length);
    starts[i] = filled;
  }
  if (input.left > 0) throw input.corrupt("goes on after its end");
  return { words, tokens: tokens.slice(0, filled), starts };
}
