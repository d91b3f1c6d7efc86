// The core from a text to its orthos, by the way that an archive takes: walk, encode, decode, read the tree code.
import { type Chunk, ChunkText, decodeChunk, encodeChunk, visitOrthos } from "../../src/archive/chunk.ts";
import { ChunkWalk, type Place } from "../../src/core/chunk-walk.ts";
import { compareUtf8 } from "../../src/core/compare.ts";
import { type Corpus, corpusOfText } from "../../src/core/corpus.ts";
import { betterOrtho, canonicalLine, type Ortho } from "../../src/core/optimal.ts";
import { PhraseIndex } from "../../src/core/phrase-index.ts";
import { planTasks, type Task } from "../../src/core/plan.ts";
import { addShapes, type ShapeCounts } from "../../src/core/shapes.ts";

/** What a fold of a text is to leave out, and where its chunks are to end. */
export interface WalkSettings {
  readonly maxDims: number;
  readonly minVolume: number;
  /** Bytes of tree code after which a chunk ends; null to write none. */
  readonly codeLimit: number | null;
  /** Words of slices that are kept for later, at most; left out: as many as by default. */
  readonly mostKeptWords?: number;
}

/** All that a walk found. */
export interface Walked {
  readonly orthos: number;
  readonly shapes: ShapeCounts;
  /** Canonical line of the optimal ortho, null when there is none. */
  readonly optimal: string | null;
  /** Canonical lines as read back from the chunks, in their order; empty when nothing was written. */
  readonly lines: readonly string[];
  /** The chunks that hold orthos, decoded, and what they are read with. */
  readonly chunks: readonly Chunk[];
  readonly text: ChunkText;
}

/** Walks all tasks of a text, or those given, in one thread. */
export function walkText(text: string, settings: WalkSettings, tasks?: readonly Task[]): Walked {
  const { corpus } = corpusOfText(text);
  const index = PhraseIndex.build(corpus);
  return walkTasks(corpus, index, settings, tasks ?? planTasks(index, corpus.words, settings.maxDims));
}

/** Walks tasks in one thread. */
export function walkTasks(corpus: Corpus, index: PhraseIndex, settings: WalkSettings, tasks: readonly Task[]): Walked {
  const walk = new ChunkWalk(index, {
    maxDims: settings.maxDims,
    minVolume: settings.minVolume,
    writes: settings.codeLimit !== null,
    words: corpus.words,
    codeLimit: settings.codeLimit ?? Number.POSITIVE_INFINITY,
    poll: () => {},
    mostKeptWords: settings.mostKeptWords,
  });
  const shapes: ShapeCounts = {};
  const chunks: Chunk[] = [];
  let orthos = 0;
  let best: Ortho | null = null;
  for (const task of tasks) {
    let place: Place = { node: task.from, square: 0 };
    for (let isLast = false; !isLast; ) {
      const walked = walk.next(task, place);
      const isStuck = walked.end.node === place.node && walked.end.square === place.square;
      if (isStuck && !walked.isLast) throw new Error(`the walk does not get on from ${JSON.stringify(place)}`);
      ({ end: place, isLast } = walked);
      orthos += walked.orthos;
      addShapes(shapes, walked.shapes);
      if (walked.best === null) continue;
      const found = { dims: walked.best.dims, words: walked.best.words.map((id) => corpus.words[id]) };
      best = betterOrtho(best, found);
      if (walked.code === null) continue;
      const start = { origin: "", second: "", square: walked.start.square };
      const { minVolume } = settings;
      const head = { orthos: walked.orthos, minVolume, shapes: walked.shapes, optimal: found, start };
      chunks.push(decodeChunk(encodeChunk({ ...head, code: walked.code }).slice(), "a chunk"));
    }
  }
  const text = new ChunkText(corpus);
  const lines = chunks.flatMap((chunk) => linesOfChunk(chunk, text));
  return { orthos, shapes, optimal: best === null ? null : canonicalLine(best), lines, chunks, text };
}

/** The canonical lines of all orthos in a chunk, in their order. */
export function linesOfChunk(chunk: Chunk, text: ChunkText): string[] {
  const lines: string[] = [];
  const spellings = text.wordsOf(chunk);
  visitOrthos(chunk, "a chunk", text, (dims, words, cells) => {
    lines.push(canonicalLine({ dims, words: Array.from(words.subarray(0, cells), (number) => spellings[number]) }));
  });
  return lines;
}

/** Lines sorted by their bytes, as the digest wants them; repeats stay. */
export function sortedLines(lines: readonly string[]): string[] {
  return lines.toSorted(compareUtf8);
}
