import type { Poll } from "./box-walk.ts";
import { PairWalk } from "./pair-walk.ts";
import type { PhraseIndex } from "./phrase-index.ts";
import type { Task } from "./plan.ts";
import type { ShapeCounts } from "./shapes.ts";
import { type OrthoIds, Tally } from "./tally.ts";
import { END, SECTION } from "./tree-code.ts";
import { TreeWriter } from "./tree-writer.ts";

/** A place in the walk: a square of a section, by the node of the section's row and the square's number in it. */
export interface Place {
  readonly node: number;
  readonly square: number;
}

/** What one stretch of the walk found; with `code` it is all that a chunk holds. Ids are word ids of the index. */
export interface WalkedChunk {
  readonly orthos: number;
  readonly shapes: ShapeCounts;
  readonly best: OrthoIds | null;
  /** The first section with squares, and where the next stretch has to begin; `isLast` at the end of the task. */
  readonly start: Place;
  readonly end: Place;
  readonly isLast: boolean;
  /** The tree code; null when nothing is written. */
  readonly code: Uint8Array | null;
}

export interface ChunkWalkOptions {
  /** Most dimensions of an ortho; Infinity for all. */
  readonly maxDims: number;
  /** Orthos of less volume are neither counted nor written. */
  readonly minVolume: number;
  /** Write the tree code; origin words are spelled there. */
  readonly writes: boolean;
  /** The vocabulary. */
  readonly words: readonly string[];
  /** A chunk ends after the square with which its code grows to so many bytes. */
  readonly codeLimit: number;
  readonly poll: Poll;
  /** See BoxWalkOptions. */
  readonly mostKeptWords?: number | undefined;
}

/** Walks tasks chunk by chunk. One for each thread: its arrays are reused from task to task. */
export class ChunkWalk {
  private readonly tally: Tally;
  private readonly writer: TreeWriter | null;
  private readonly walk: PairWalk;
  private origin = -1;
  /** The first section with squares of the chunk being walked. */
  private begun: Place | null = null;

  constructor(
    private readonly index: PhraseIndex,
    private readonly options: ChunkWalkOptions,
  ) {
    this.tally = new Tally(options.minVolume);
    this.writer = options.writes ? new TreeWriter(index) : null;
    const { maxDims, poll, mostKeptWords } = options;
    this.walk = new PairWalk(index, maxDims, this.tally, this.writer, poll, { mostKeptWords });
  }

  /** Orthos of the chunk being walked so far, for progress. */
  get orthos(): number {
    return this.tally.orthos;
  }

  /** Walk one chunk of a task. The code in the result is valid until the next call. */
  next(task: Task, start: Place): WalkedChunk {
    this.tally.reset();
    if (this.writer !== null) this.writer.length = 0;
    this.begun = null;
    let place = start;
    while (place.node < task.to && !this.isFull()) place = this.originBlock(task, place);
    return {
      orthos: this.tally.orthos,
      shapes: this.tally.shapes(),
      best: this.tally.best,
      start: this.begun ?? start,
      end: place,
      isLast: place.node >= task.to,
      code: this.writer === null ? null : this.writer.bytes.subarray(0, this.writer.length),
    };
  }

  private isFull(): boolean {
    return this.writer !== null && this.writer.length >= this.options.codeLimit;
  }

  /** All sections of the task with the origin word at `place`; returns where to go on. */
  private originBlock(task: Task, place: Place): Place {
    const { index, walk, writer, tally } = this;
    this.moveTo(place.node);
    const end = Math.min(task.to, index.first[this.origin + 1]);
    if (walk.wedges.endCount === 0) return { node: end, square: 0 };
    const before = tally.orthos;
    const mark = writer?.length ?? 0;
    if (writer !== null) this.writeEnds(writer, place.node, end);
    let at = place;
    // At least one section, and in it one square: a chunk always gets on, however long its head is.
    do at = this.section(at);
    while (at.node < end && !this.isFull());
    if (writer !== null && (tally.orthos > before || !this.takeBack(writer, mark))) writer.varint(END);
    return at;
  }

  /** One section from its square `place.square` on; returns where to go on. */
  private section(place: Place): Place {
    const { walk, writer, tally, index } = this;
    const { node, square } = place;
    const next = { node: node + 1, square: 0 };
    if (!this.hasSquares(index.word[node])) return next;
    this.begun ??= place;
    if (writer === null) {
      walk.section(node, square, 0);
      return next;
    }
    const before = tally.orthos;
    const mark = writer.length;
    writer.varint(SECTION);
    writer.cell(this.origin, node, 0);
    writer.varint(square);
    const { square: reached, isWhole } = walk.section(
      node,
      square,
      Math.max(this.options.codeLimit, writer.length + 1),
    );
    writer.varint(END);
    writer.varint(reached);
    if (tally.orthos === before) this.takeBack(writer, mark);
    return isWhole ? next : { node, square: reached };
  }

  /** Where small volumes are left out, whatever holds none of the others is not written; true when taken back. */
  private takeBack(writer: TreeWriter, mark: number): boolean {
    if (this.options.minVolume === 1) return false;
    writer.length = mark;
    return true;
  }

  private hasSquares(b: number): boolean {
    const { first, word } = this.index;
    const { numberOf } = this.walk.wedges;
    for (let bd = first[b]; bd < first[b + 1]; bd++) if (numberOf[word[bd]] >= 0) return true;
    return false;
  }

  private moveTo(node: number): void {
    const { first } = this.index;
    if (this.origin >= 0 && node >= first[this.origin] && node < first[this.origin + 1]) return;
    let low = 0;
    let high = this.index.vocabulary - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (first[middle] <= node) low = middle;
      else high = middle - 1;
    }
    this.origin = low;
    this.walk.begin(low);
  }

  /** The origin word and, for each end of two or more wedges, their middle words: all squares of the sections. */
  private writeEnds(writer: TreeWriter, from: number, to: number): void {
    const { index, origin } = this;
    const { wedges } = this.walk;
    const isWhole = from === index.first[origin] && to === index.first[origin + 1];
    const low = index.word[from];
    const high = index.word[to - 1];
    writer.spell(this.options.words[origin]);
    for (let end = 0; end < wedges.endCount; end++) {
      const start = wedges.from[end];
      const stop = wedges.from[end + 1];
      if (!isWhole && !meets(wedges.middle, start, stop, low, high)) continue;
      writer.varint(stop - start);
      for (let at = start; at < stop; at++) writer.cell(origin, index.bigram(origin, wedges.middle[at]), 0);
      writer.cell(wedges.middle[start], wedges.bigram[start], 0);
    }
    writer.varint(END);
  }
}

/** True when one of the sorted `values[from .. to - 1]` lies in `low .. high`. */
function meets(values: Int32Array, from: number, to: number, low: number, high: number): boolean {
  for (let i = from; i < to; i++) if (values[i] >= low) return values[i] <= high;
  return false;
}
