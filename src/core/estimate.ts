import type { Poll, Sampling } from "./box-walk.ts";
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
  /** What the walk to all of them takes on one thread. */
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
  /** About how long a round should take, in ms, where there is more to sample. */
  readonly round_ms: number;
  /** Called now and then; may throw to end it. */
  readonly poll: Poll;
  /** See BoxWalkOptions. */
  readonly mostKeptWords?: number | undefined;
}

/** Sections drawn in one round. */
const DRAWS = 64;
/** In a section of more weight only some squares are walked, about so much work's worth. */
const WEIGHT_OF_A_DRAW = 2000;
/** The part of the boxes of two dimensions that are first tried to be grown into more, and by how much it grows. */
const LEAST_SHARE = 1 / 65_536;
const SHARE_GROWS = 4;
/** A share is too large when so many rounds in a row have been slow. */
const MOST_TRIES = 2;
/** Texts of less weight are walked as a whole, if they hold two dimensions only. */
const SMALL_WEIGHT = 500_000;

/**
 * Estimate the orthos of a text by sampling the walk (Knuth 1975, "Estimating the efficiency of backtrack programs").
 *
 * Sections are drawn in proportion to their estimated work, blocks of its squares at equal distances; of the boxes of two
 * dimensions a share, drawn one by one, is grown into more; and from boxes of more one child of all is followed in the name
 * of the others. Each count is multiplied by one over the chance that it was met with, so the mean over many rounds is the
 * truth. How large that share can be is tried out in rounds that do not count.
 *
 * @throws whatever `poll` throws
 */
export function estimateOrthos(index: PhraseIndex, options: EstimateOptions): Estimate {
  const weights = sectionWeights(index);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return { shapes: {}, orthos: 0, walk_ms: 0, isExact: true };
  const tally = new Tally(options.minVolume);
  const isExact = options.maxDims === 2 && total < SMALL_WEIGHT;
  const { random, now, poll, mostKeptWords } = options;
  const sampling: Sampling = { random, now, share: 1, deep_ms: 0, deepVisited: 0 };
  const how = { sampling: isExact ? null : sampling, mostKeptWords };
  const walk = new PairWalk(index, options.maxDims, tally, null, poll, how);
  const sample = new Sample(index, walk, tally, sampling);
  if (isExact) {
    for (let i = 0; i < weights.length; i++) if (weights[i] > 0) sample.take(index.vocabulary + i, 0, 1, 1);
    return sample.estimate(1, true);
  }
  const oneRound = () => round(weights, total, random, sample, index.vocabulary);
  if (options.maxDims > 2) tryShares(sampling, oneRound, options.round_ms);
  sample.clear();
  let rounds = 0;
  do {
    oneRound();
    rounds++;
  } while (!options.isTimeUp());
  return sample.estimate(rounds, false);
}

/** Find the largest share with which a round does not take much longer than it should. */
function tryShares(sampling: Sampling, oneRound: () => void, round_ms: number): void {
  for (sampling.share = LEAST_SHARE; sampling.share < 1; sampling.share *= SHARE_GROWS) {
    let tries = 0;
    // A round may be slow for another reason, as the first of all is.
    while (isSlow(sampling, oneRound, round_ms)) if (++tries === MOST_TRIES) return;
  }
}

function isSlow({ now }: Sampling, oneRound: () => void, limit_ms: number): boolean {
  const started = now();
  oneRound();
  return now() - started > limit_ms;
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
  private sums: ShapeCounts = {};
  /** What all of two dimensions takes. */
  private flat_ms = 0;
  private origin = -1;

  constructor(
    private readonly index: PhraseIndex,
    private readonly walk: PairWalk,
    private readonly tally: Tally,
    private readonly sampling: Sampling,
  ) {}

  /** Forget what was drawn. */
  clear(): void {
    this.sums = {};
    this.flat_ms = 0;
    this.sampling.deep_ms = 0;
    this.sampling.deepVisited = 0;
  }

  /** Walk every `stride`th block of a section from block `offset` on, and count what is there `factor` times. */
  take(node: number, offset: number, stride: number, factor: number): void {
    const { sampling, walk, tally } = this;
    const origin = this.index.tokens[this.index.place[node]];
    if (origin !== this.origin) walk.begin(origin);
    this.origin = origin;
    tally.reset();
    const deep_ms = sampling.deep_ms;
    const started = sampling.now();
    walk.sampleSection(node, offset, stride);
    this.flat_ms += factor * (sampling.now() - started - (sampling.deep_ms - deep_ms));
    for (const [shape, count] of Object.entries(tally.shapes())) {
      this.sums[shape] = (this.sums[shape] ?? 0) + count * factor;
    }
  }

  estimate(rounds: number, isExact: boolean): Estimate {
    const shapes: ShapeCounts = {};
    let [orthos, deep] = [0, 0];
    for (const [shape, sum] of Object.entries(this.sums)) {
      shapes[shape] = sum / rounds;
      orthos += shapes[shape];
      if (shape.split("x").length > 2) deep += shapes[shape];
    }
    const { deep_ms, deepVisited } = this.sampling;
    const walk_ms = this.flat_ms / rounds + (deep * deep_ms) / Math.max(1, deepVisited);
    return { shapes: sortShapes(shapes), orthos, walk_ms, isExact };
  }
}
