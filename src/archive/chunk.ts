import type { OrthoVisitor } from "../core/box-reader.ts";
import { type Context, LearntLexicon, type Lexicon } from "../core/code-input.ts";
import type { Corpus } from "../core/corpus.ts";
import { Followers } from "../core/followers.ts";
import type { Ortho } from "../core/optimal.ts";
import { cellsOf, type ShapeCounts, sortShapes } from "../core/shapes.ts";
import { readTree } from "../core/tree-reader.ts";
import type { FoldError } from "../errors.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";

/** First bytes of a result chunk, and of one of format 1. */
const MAGIC = new TextEncoder().encode("FOLDQ2");
const MAGIC_1 = new TextEncoder().encode("FOLDQ1");
const CHECKSUM_BYTES = 4;
/** More dimensions than any text that fits in memory can have, and little enough for a lying file. */
const MAX_AXES = 64;

/** A place in the walk by words: the row `origin second` of a section, and the number of a square in it. */
export interface ChunkPlace {
  readonly origin: string;
  readonly second: string;
  readonly square: number;
}

/** What stands in front of a chunk's tree code. */
export interface ChunkHead {
  readonly orthos: number;
  readonly minVolume: number;
  readonly shapes: ShapeCounts;
  /** The best ortho of the chunk. */
  readonly optimal: Ortho;
  /** The first section of the chunk and the number of its first square. */
  readonly start: ChunkPlace;
}

export interface Chunk extends ChunkHead {
  readonly code: Uint8Array;
  /** In format 1 a chunk has words of its own: numbers in the code are places in this list. Else they are of the text. */
  readonly words?: readonly string[];
}

/** The text of an archive, as what its chunks are told by. */
export class ChunkText implements Lexicon {
  readonly words: readonly string[];
  private readonly followers: Followers;
  private readonly numbers: ReadonlyMap<string, number>;

  constructor(corpus: Corpus) {
    this.words = corpus.words;
    this.followers = new Followers(corpus);
    this.numbers = new Map(corpus.words.map((word, number) => [word, number]));
  }

  get count(): number {
    return this.words.length;
  }

  after(word: number): Context {
    return this.followers.after(word);
  }

  numberOf = (spelling: string): number => this.numbers.get(spelling) ?? -1;

  /** What the numbers of words in a chunk stand for. */
  wordsOf(chunk: Chunk): readonly string[] {
    return chunk.words ?? this.words;
  }
}

/** Encode a chunk (FORMAT.md, "Result chunks"). */
export function encodeChunk(chunk: Omit<Chunk, "words">): Uint8Array {
  const out = new ByteWriter(chunk.code.length + 1024);
  out.raw(MAGIC);
  out.varint(chunk.orthos);
  out.varint(chunk.minVolume);
  const shapes = Object.entries(sortShapes(chunk.shapes));
  out.varint(shapes.length);
  for (const [shape, count] of shapes) {
    writeDims(out, shape.split("x").map(Number));
    out.varint(count);
  }
  writeDims(out, chunk.optimal.dims);
  for (const word of chunk.optimal.words) out.text(word);
  out.text(chunk.start.origin);
  out.text(chunk.start.second);
  out.varint(chunk.start.square);
  out.varint(chunk.code.length);
  out.raw(chunk.code);
  out.uint32(Bun.hash.crc32(out.finish()));
  return out.finish();
}

/**
 * Decode a chunk; the tree code itself is read by `visitOrthos`.
 *
 * @param name for errors
 * @throws FoldError `corrupt`
 */
export function decodeChunk(bytes: Uint8Array, name: string): Chunk {
  const whole = new ByteReader(bytes, name);
  const input = new ByteReader(bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES)), name);
  const magic = input.raw(MAGIC.length);
  const isFirstFormat = MAGIC_1.every((byte, i) => magic[i] === byte);
  if (!isFirstFormat && !MAGIC.every((byte, i) => magic[i] === byte)) throw input.corrupt("is no result chunk");
  whole.raw(bytes.length - CHECKSUM_BYTES);
  const checksum = Bun.hash.crc32(bytes.subarray(0, bytes.length - CHECKSUM_BYTES));
  if (whole.uint32() !== checksum) throw input.corrupt("does not match its checksum");
  const orthos = input.varint();
  const minVolume = input.varint();
  const words = isFirstFormat ? Array.from({ length: input.count() }, () => input.text()) : undefined;
  const shapes: ShapeCounts = {};
  for (let i = input.count(); i > 0; i--) shapes[readDims(input).join("x")] = input.varint();
  const dims = readDims(input);
  const cells = cellsOf(dims);
  if (cells > input.left) throw input.corrupt("holds an impossible optimal ortho");
  const spell = words === undefined ? () => input.text() : () => words[input.below(words.length)];
  const optimal = { dims, words: Array.from({ length: cells }, spell) };
  const start = { origin: input.text(), second: input.text(), square: input.varint() };
  const code = input.raw(input.count());
  if (input.left > 0) throw input.corrupt("goes on after its end");
  const head = { orthos, minVolume, shapes, optimal, start, code };
  return words === undefined ? head : { ...head, words };
}

/**
 * Visit every ortho of a chunk; its words come as numbers in `text.wordsOf(chunk)`.
 *
 * @throws FoldError `corrupt` when the code is not well-formed or holds other orthos than the head says
 */
export function visitOrthos(chunk: Chunk, name: string, text: ChunkText, visit: OrthoVisitor): void {
  let orthos = 0;
  readTree(chunk.code, {
    lexicon: chunk.words === undefined ? text : new LearntLexicon(chunk.words.length),
    minVolume: chunk.minVolume,
    visit: (dims, words, cells) => {
      // Squares are implied, not spelled: a small lying chunk could go on for very long.
      if (++orthos > chunk.orthos) throw lies(chunk, name, `more than the ${chunk.orthos} orthos that its head says`);
      visit(dims, words, cells);
    },
  });
  if (orthos < chunk.orthos) throw lies(chunk, name, `${orthos} orthos where its head says ${chunk.orthos}`);
}

function lies(chunk: Chunk, name: string, what: string): FoldError {
  return new ByteReader(chunk.code, name).corrupt(`holds ${what}`);
}

function writeDims(out: ByteWriter, dims: readonly number[]): void {
  out.varint(dims.length);
  for (const n of dims) out.varint(n);
}

function readDims(input: ByteReader): number[] {
  const axes = input.count();
  if (axes < 2 || axes > MAX_AXES) throw input.corrupt(`holds a shape of ${axes} dimensions`);
  return Array.from({ length: axes }, () => {
    const n = input.varint();
    if (n < 2) throw input.corrupt(`holds a shape with an axis of ${n}`);
    return n;
  });
}
