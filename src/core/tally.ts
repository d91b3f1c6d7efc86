import { BoxShape } from "./box-shape.ts";
import { compareNumbers } from "./compare.ts";
import type { ShapeCounts } from "./shapes.ts";
import { cellsOf, volumeOf } from "./shapes.ts";

/** An ortho by word ids: dims ascending, words in canonical order. */
export interface OrthoIds {
  readonly dims: number[];
  readonly words: number[];
}

/** What a walk found: how many orthos of each shape, and the best of them. */
export class Tally {
  orthos = 0;
  best: OrthoIds | null = null;
  /** For how many boxes each box stands: more than one only where a walk is sampled. */
  scale = 1;
  /** Orthos that were counted and not looked at. */
  private extrapolated = 0;
  /** Volume and cells of the best so far, and its first two words. */
  private bestVolume = 0;
  private bestCells = 0;
  private bestFirst = 0;
  private bestSecond = 0;
  /** Two rows: no other dims of the same volume and cells come before them. */
  private bestIsPair = false;
  /** Orthos of 2 x n, by n; the shape objects beyond two rows count for themselves. */
  private pairs: Float64Array = new Float64Array(64);
  private readonly boxes = new Map<number, BoxShape>();

  constructor(readonly minVolume: number) {}

  /** Count `count` orthos of 2 x n. */
  addPairs(n: number, count: number): void {
    if (n - 1 < this.minVolume) return;
    if (n >= this.pairs.length) this.growPairs(n);
    this.pairs[n] += count;
    this.orthos += count;
  }

  /** Count one ortho of more than two rows. */
  addBox(shape: BoxShape): void {
    this.addBoxes(shape, 1);
  }

  /** Count `count` orthos of one shape of more than two rows. */
  addBoxes(shape: BoxShape, count: number): void {
    if (shape.volume < this.minVolume) return;
    const boxes = this.scale * count;
    shape.count += boxes;
    this.orthos += boxes;
    this.extrapolated += boxes - count;
  }

  /** Orthos that were looked at: all of them, unless the walk is sampled. */
  get visited(): number {
    return this.orthos - this.extrapolated;
  }

  /** The shape of two rows of n words, from which the shapes of more are reached. */
  pairShape(n: number): BoxShape {
    let shape = this.boxes.get(n);
    if (shape === undefined) {
      shape = new BoxShape([n, 2]);
      this.boxes.set(n, shape);
    }
    return shape;
  }

  /** False when an ortho of that size, with these first two words, can't be the best: spares making its words. */
  mayWin(volume: number, cells: number, first: number, second: number): boolean {
    if (volume !== this.bestVolume) return volume > this.bestVolume && volume >= this.minVolume;
    if (cells !== this.bestCells) return cells > this.bestCells;
    return first < this.bestFirst || (first === this.bestFirst && second <= this.bestSecond) || !this.bestIsPair;
  }

  /** Offer an ortho as the best; `dims` are ascending. */
  offer(dims: number[], words: number[]): void {
    const candidate = { dims, words };
    if (this.best !== null && compareIds(this.best, candidate) <= 0) return;
    this.best = candidate;
    this.bestVolume = volumeOf(dims);
    this.bestCells = cellsOf(dims);
    this.bestFirst = words[0];
    this.bestSecond = words[1];
    this.bestIsPair = dims.length === 2 && dims[0] === 2;
  }

  /** Counts by shape. */
  shapes(): ShapeCounts {
    const counts: ShapeCounts = {};
    for (let n = 2; n < this.pairs.length; n++) if (this.pairs[n] > 0) counts[`2x${n}`] = this.pairs[n];
    for (const root of this.boxes.values()) {
      for (const { dims, count } of root.reached()) if (count > 0) counts[dims.toReversed().join("x")] = count;
    }
    return counts;
  }

  /** Forget what was found, for the next chunk. */
  reset(): void {
    this.orthos = 0;
    this.extrapolated = 0;
    this.best = null;
    this.bestVolume = 0;
    this.bestCells = 0;
    this.pairs.fill(0);
    for (const root of this.boxes.values()) for (const shape of root.reached()) shape.count = 0;
  }

  private growPairs(n: number): void {
    const wider = new Float64Array(n * 2);
    wider.set(this.pairs);
    this.pairs = wider;
  }
}

/** As compareOrthos: word ids are in the order of the words. */
function compareIds(a: OrthoIds, b: OrthoIds): number {
  return (
    volumeOf(b.dims) - volumeOf(a.dims) ||
    cellsOf(b.dims) - cellsOf(a.dims) ||
    compareNumbers(a.dims, b.dims) ||
    compareNumbers(a.words, b.words)
  );
}
