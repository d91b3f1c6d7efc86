import { PairWalk } from "./pair-walk.ts";
import type { PhraseIndex } from "./phrase-index.ts";
import { sectionWeights } from "./section-weights.ts";
import { type ShapeCounts, sortShapes } from "./shapes.ts";
import { Tally } from "./tally.ts";

/** What a sample of the walk says about the whole. */
export interface Estimate {
  /** Expected counts by shape; not whole numbers, unless `isExact`. */
  readonly shapes: ShapeCounts;
  readonly orthos: number;
  /** Orthos that the sample looked at. */
  readonly visited: number;
  /** What the walk to those took, without what every sample takes beside it. */
  readonly walk_ms: number;
  /** The text was small enough to be walked as a whole. */
  readonly isExact: boolean;
}

export interface EstimateOptions {
  readonly maxDims: number;
  readonly minVolume: number;
  /** A random number from 0 up to 1. */
  readonly random: () => number;
  /** Milliseconds since any moment. */
  readonly now: () => number;
  /** Asked between rounds: true ends the sample. The first round is always finished. */
  readonly isTimeUp: () => boolean;
  /** See BoxWalkOptions. */
  readonly mostKeptWords?: number | undefined;
}

/** Sections drawn in one round. */
const DRAWS = 64;
/** In a section of more weight only some squares are walked, about so much work's worth. */
const WEIGHT_OF_A_DRAW = 2000;
/** Texts of less weight are walked as a whole, if they hold two dimensions only. */
const SMALL_WEIGHT = 500_000;

/**
 * Estimate the orthos of a text by sampling the walk (Knuth 1975, "Estimating the efficiency of backtrack programs").
 *
 * Sections are drawn in proportion to their estimated work, blocks of its squares at equal distances, and from boxes
 * of more than two rows one child of all is followed in the name of the others. Each count is multiplied by one over
 * the chance that it was met with, so the mean over many rounds is the truth.
 */
export function estimateOrthos(index: PhraseIndex, options: EstimateOptions): Estimate {
  const weights = sectionWeights(index);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return { shapes: {}, orthos: 0, visited: 0, walk_ms: 0, isExact: true };
  const tally = new Tally(options.minVolume);
  const isExact = options.maxDims === 2 && total < SMALL_WEIGHT;
  const sampled = { random: isExact ? null : options.random, mostKeptWords: options.mostKeptWords };
  const walk = new PairWalk(index, options.maxDims, tally, null, () => {}, sampled);
  const sample = new Sample(index, walk, tally, options.now);
  if (isExact) {
    for (let i = 0; i < weights.length; i++) if (weights[i] > 0) sample.take(index.vocabulary + i, 0, 1, 1);
    return sample.estimate(1, true);
  }
  let rounds = 0;
  do {
    round(weights, total, options.random, sample, index.vocabulary);
    rounds++;
  } while (!options.isTimeUp());
  return sample.estimate(rounds, false);
}

/** Draw sections at equal distances along the sum of all weights, starting anywhere. */
function round(weights: Float64Array, total: number, random: () => number, sample: Sample, firstNode: number): void {
  const step = total / DRAWS;
  let mark = random() * step;
  let passed = 0;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i];
    passed += weight;
    if (passed <= mark) continue;
    // A section heavier than the step is met with for certain, maybe more than once: walked once, it counts once.
    while (mark < passed) mark += step;
    const stride = Math.max(1, Math.round(weight / WEIGHT_OF_A_DRAW));
    const chance = Math.min(1, weight / step);
    sample.take(firstNode + i, Math.floor(random() * stride), stride, stride / chance);
  }
}

/** Sums up what was drawn. */
class Sample {
  private readonly sums: ShapeCounts = {};
  private visited = 0;
  private walk_ms = 0;
  private origin = -1;

  constructor(
    private readonly index: PhraseIndex,
    private readonly walk: PairWalk,
    private readonly tally: Tally,
    private readonly now: () => number,
  ) {}

  /** Walk every `stride`th block of a section from block `offset` on, and count what is there `factor` times. */
  take(node: number, offset: number, stride: number, factor: number): void {
    const origin = this.index.tokens[this.index.place[node]];
    if (origin !== this.origin) this.walk.begin(origin);
    this.origin = origin;
    this.tally.reset();
    const started = this.now();
    this.walk.sampleSection(node, offset, stride);
    this.walk_ms += this.now() - started;
    this.visited += this.tally.visited;
    for (const [shape, count] of Object.entries(this.tally.shapes())) {
      this.sums[shape] = (this.sums[shape] ?? 0) + count * factor;
    }
  }

  estimate(rounds: number, isExact: boolean): Estimate {
    const shapes: ShapeCounts = {};
    for (const [shape, sum] of Object.entries(this.sums)) shapes[shape] = sum / rounds;
    const orthos = Object.values(shapes).reduce((total, count) => total + count, 0);
    return { shapes: sortShapes(shapes), orthos, visited: this.visited, walk_ms: this.walk_ms, isExact };
  }
}
