import type { Corpus } from "../core/corpus.ts";
import { compareOrthos, type Ortho } from "../core/optimal.ts";
import { PhraseIndex } from "../core/phrase-index.ts";
import { cellsOf, type ShapeCounts, sameShapes, volumeOf } from "../core/shapes.ts";
import { FoldError } from "../errors.ts";
import { type Chunk, type ChunkPlace, ChunkText, visitOrthos } from "./chunk.ts";
import { HashSet } from "./hash-set.ts";
import type { FoldOptions } from "./manifest.ts";

/** Room for hashes is made for at most so many orthos in advance, however many a chunk claims. */
const MAX_EXPECTED = 1 << 20;
/** Of more than so many bad orthos a chunk tells no details. */
const MAX_TOLD = 3;

/** What a check needs to know of a shape. */
interface ShapeFacts {
  readonly name: string;
  readonly dims: readonly number[];
  readonly cells: number;
  readonly volume: number;
  /** Start, stride and length of each line along an axis. */
  readonly lines: Int32Array;
  /** The cells shell by shell, and how many cells each shell has. */
  readonly byShell: Int32Array;
  readonly shellSizes: Int32Array;
  /** Pairs of cells beside the origin whose words must ascend. */
  readonly ascending: Int32Array;
  /** What is wrong with every ortho of this shape; null for nothing. */
  readonly problem: string | null;
  /** The last sound ortho of this shape, and the phrase nodes of its lines: the next one mostly begins alike. */
  readonly last: Int32Array;
  readonly nodes: Int32Array;
  count: number;
}

/** Checks the orthos of chunks one by one against sentences: nothing is taken from the walk that made them. */
export class ChunkChecker {
  /** Orthos checked so far. */
  orthos = 0;
  private readonly index: PhraseIndex;
  private readonly text: ChunkText;
  /** For chunks whose words are those of the text. */
  private readonly ownIds: Int32Array;
  private found = new HashSet(0);
  /** The last shell in which each word was seen. */
  private readonly seen: Float64Array;
  private shells = 0;
  private ids = new Int32Array(256);
  /** The first row of the walk that the chunk covers, and the last. */
  private from = 0;
  private until = 0;

  constructor(
    private readonly corpus: Corpus,
    private readonly options: FoldOptions,
  ) {
    this.index = PhraseIndex.build(corpus);
    this.text = new ChunkText(corpus);
    this.ownIds = Int32Array.from(corpus.words, (_, id) => id);
    this.seen = new Float64Array(corpus.words.length);
  }

  /**
   * All that is wrong with a chunk.
   *
   * @param next where the chunk after it starts: what belongs there has no place in this one
   */
  check(chunk: Chunk, name: string, next: ChunkPlace | null): string[] {
    const problems: string[] = [];
    this.from = this.rowOf(chunk.start);
    this.until = next === null ? Infinity : this.rowOf(next);
    let toId = this.ownIds;
    if (chunk.words !== undefined) {
      toId = Int32Array.from(chunk.words, this.text.numberOf);
      const strange = chunk.words.find((_, i) => toId[i] < 0);
      if (strange !== undefined) return [`${name} holds the word ${JSON.stringify(strange)}, which no sentence does`];
      if (new Set(toId).size < toId.length) problems.push(`${name} lists a word twice`);
    }
    this.found = new HashSet(Math.min(chunk.orthos, MAX_EXPECTED));
    const facts = new Map<readonly number[], ShapeFacts>();
    let [dims, shape]: [readonly number[], ShapeFacts | undefined] = [[], undefined];
    let best: Ortho | null = null;
    let bad = 0;
    try {
      visitOrthos(chunk, name, this.text, (newDims, words, cells) => {
        if (newDims !== dims || shape === undefined) {
          dims = newDims;
          shape = facts.get(dims) ?? describeShape(dims, this.options);
          facts.set(dims, shape);
        }
        if (cells > this.ids.length) this.ids = new Int32Array(cells * 2);
        for (let i = 0; i < cells; i++) this.ids[i] = toId[words[i]];
        shape.count++;
        const problem = this.problemOf(shape);
        if (problem !== null && bad++ < MAX_TOLD) problems.push(`${name}: ${this.printed(shape)} ${problem}`);
        if (best === null || mayBeBetter(shape, best)) best = this.better(shape, best);
      });
    } catch (error) {
      if (!(error instanceof FoldError)) throw error;
      return [...problems, error.message];
    }
    if (bad > MAX_TOLD) problems.push(`${name}: ${bad} orthos are wrong in all`);
    return [...problems, ...headProblems(chunk, name, [...facts.values()], best)];
  }

  /** What is wrong with the ortho in `ids`, or null. */
  private problemOf(shape: ShapeFacts): string | null {
    this.orthos++;
    if (shape.problem !== null) return shape.problem;
    if (!this.linesRead(shape)) return "has a line that no sentence holds";
    if (!this.shellsDiffer(shape)) return "has a word twice at the same distance from the origin";
    const { ids } = this;
    const { ascending } = shape;
    for (let i = 0; i < ascending.length; i += 2) {
      if (ids[ascending[i]] >= ids[ascending[i + 1]]) return "is not in canonical form";
    }
    const row = ids[0] * this.corpus.words.length + ids[1];
    if (!(row >= this.from && row <= this.until)) return "belongs in another chunk";
    return this.isNew(shape) ? null : "is there twice";
  }

  /** The place of a row of the walk, one for each two words at the start of an ortho; NaN for unknown words. */
  private rowOf({ origin, second }: ChunkPlace): number {
    const [a, b] = [this.text.numberOf(origin), this.text.numberOf(second)];
    return a < 0 || b < 0 ? Number.NaN : a * this.corpus.words.length + b;
  }

  private linesRead({ lines, cells, last, nodes }: ShapeFacts): boolean {
    const { ids, index } = this;
    for (let i = 0, base = 0; i < lines.length; base += lines[i + 2], i += 3) {
      const stride = lines[i + 1];
      const length = lines[i + 2];
      let cell = lines[i];
      let known = 1;
      if (ids[cell] === last[cell]) {
        while (known < length && ids[cell + stride] === last[cell + stride]) {
          cell += stride;
          known++;
        }
      } else {
        nodes[base] = ids[cell];
      }
      for (; known < length; known++) {
        cell += stride;
        const node = index.step(nodes[base + known - 1], known, ids[cell]);
        if (node < 0) {
          last.fill(-1);
          return false;
        }
        nodes[base + known] = node;
      }
    }
    for (let i = 0; i < cells; i++) last[i] = ids[i];
    return true;
  }

  private shellsDiffer({ byShell, shellSizes }: ShapeFacts): boolean {
    const { ids, seen } = this;
    for (let shell = 0, at = 0; shell < shellSizes.length; shell++) {
      const mark = ++this.shells;
      for (const end = at + shellSizes[shell]; at < end; at++) {
        const word = ids[byShell[at]];
        if (seen[word] === mark) return false;
        seen[word] = mark;
      }
    }
    return true;
  }

  private isNew({ cells, dims }: ShapeFacts): boolean {
    let low = dims.length;
    let high = dims[0];
    for (let i = 0; i < cells; i++) {
      low = Math.imul(low ^ this.ids[i], 0x85ebca6b);
      low ^= low >>> 15;
      high = Math.imul(high + this.ids[i], 0xc2b2ae35);
      high ^= high >>> 13;
    }
    return this.found.add(low | 0, (high ^ Math.imul(cells, 0x27d4eb2f)) | 0);
  }

  private better(shape: ShapeFacts, best: Ortho | null): Ortho {
    const ortho = { dims: shape.dims, words: this.wordsOf(shape) };
    return best === null || compareOrthos(ortho, best) < 0 ? ortho : best;
  }

  private printed(shape: ShapeFacts): string {
    return `${shape.name} ${JSON.stringify(this.wordsOf(shape).join(" "))}`;
  }

  private wordsOf({ cells }: ShapeFacts): string[] {
    return Array.from(this.ids.subarray(0, cells), (id) => this.corpus.words[id]);
  }
}

function mayBeBetter({ volume, cells }: ShapeFacts, best: Ortho): boolean {
  const bestVolume = volumeOf(best.dims);
  return volume > bestVolume || (volume === bestVolume && cells >= best.words.length);
}

/** What the head of a chunk says against what was found in it. */
function headProblems(chunk: Chunk, name: string, shapes: readonly ShapeFacts[], best: Ortho | null): string[] {
  const problems: string[] = [];
  const counted: ShapeCounts = Object.fromEntries(shapes.map((shape) => [shape.name, shape.count]));
  if (!sameShapes(counted, chunk.shapes)) problems.push(`${name} counts its orthos by shape wrongly`);
  if (best === null || compareOrthos(best, chunk.optimal) !== 0) {
    problems.push(`${name} names an optimal ortho that is not its best`);
  }
  return problems;
}

function describeShape(dims: readonly number[], options: FoldOptions): ShapeFacts {
  const cells = cellsOf(dims);
  const volume = volumeOf(dims);
  const name = dims.join("x");
  const strides = dims.map((_, axis) => cellsOf(dims.slice(axis + 1)));
  const shells = Array.from({ length: cells }, (_, cell) =>
    dims.reduce((sum, n, axis) => sum + (Math.floor(cell / strides[axis]) % n), 0),
  );
  const lines: number[] = [];
  dims.forEach((n, axis) => {
    for (let cell = 0; cell < cells; cell++) {
      if (Math.floor(cell / strides[axis]) % n === 0) lines.push(cell, strides[axis], n);
    }
  });
  const shellSizes = new Int32Array(Math.max(...shells) + 1);
  for (const shell of shells) shellSizes[shell]++;
  const byShell = Int32Array.from({ length: cells }, (_, cell) => cell).sort((a, b) => shells[a] - shells[b]);
  // Row-major order reads the last axis first, so of equal axes the last has the smallest word beside the origin.
  const ascending = dims.flatMap((n, axis) => (dims[axis + 1] === n ? [strides[axis + 1], strides[axis]] : []));
  return {
    ...{ name, dims, cells, volume, lines: Int32Array.from(lines), byShell, shellSizes },
    ascending: Int32Array.from(ascending),
    problem: shapeProblem(dims, volume, options),
    last: new Int32Array(cells).fill(-1),
    nodes: new Int32Array(cells * dims.length),
    count: 0,
  };
}

function shapeProblem(dims: readonly number[], volume: number, options: FoldOptions): string | null {
  if (volume < options.min_volume) return `has less volume than ${options.min_volume}`;
  if (options.max_dims !== null && dims.length > options.max_dims)
    return `has more than ${options.max_dims} dimensions`;
  return null;
}
