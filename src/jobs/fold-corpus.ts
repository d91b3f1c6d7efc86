import { rmSync } from "node:fs";
import { encodeInterner } from "../archive/interner.ts";
import { FORMAT_VERSION, type FoldOptions, type Optimal, type Source, sha256 } from "../archive/manifest.ts";
import { ArchiveWriter, type Durability, type WrittenArchive } from "../archive/writer.ts";
import type { Corpus } from "../core/corpus.ts";
import { betterOrtho, type Ortho } from "../core/optimal.ts";
import { PhraseIndex } from "../core/phrase-index.ts";
import { planTasks, type Task, tasksOfShard } from "../core/plan.ts";
import { addShapes, cellsOf, type ShapeCounts, sortShapes, volumeOf } from "../core/shapes.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { version } from "../version.ts";
import { ChunkQueue } from "./chunk-queue.ts";
import { lockWork } from "./lock-work.ts";
import { hasWork, openSpill, type SpilledChunk, spilledChunks, workFolder } from "./spill.ts";
import type { OpenTask } from "./walk-messages.ts";
import { startWalk } from "./walk-pool.ts";
import { WalkThreads } from "./walk-threads.ts";

/** Weight of a fold that is walked in some tenths of a second. */
const SHORT_WEIGHT = 1_000_000;

/** How far a fold is. */
export interface FoldProgress {
  /** Share of the estimated work that is done, 0 .. 1. */
  readonly share: number;
  readonly orthos: number;
  readonly best: Ortho | null;
}

export interface FoldRequest {
  readonly corpus: Corpus;
  readonly name: string;
  readonly lineage: string;
  readonly sources: readonly Source[];
  readonly options: FoldOptions;
  readonly threads: number;
  /** Threads to walk on that are kept for the next fold; else the fold has its own. */
  readonly keptThreads?: WalkThreads;
  /** Where the archive goes; null for none. Finished parts wait in `<archive>.work` until it is whole. */
  readonly archive: string | null;
  /** Of the archive; left out: `file`. */
  readonly durability?: Durability;
  /** Others may fold into the same archive at the same time: one of them does, and the others are told. */
  readonly isShared?: boolean;
  /** Throw away what a stopped run left, instead of going on from it. */
  readonly fresh: boolean;
  readonly signal?: AbortSignal;
  /** Called once, as soon as it is known what there is to do. */
  readonly onPlan?: (plan: { tasks: number; resumed: number }) => void;
  /** Called on every chunk; `progress` is cheap to call at any time. */
  readonly onProgress?: (progress: () => FoldProgress) => void;
  /** Called with the file of every part that was put into the work folder. */
  readonly onPart?: (file: string) => void;
}

export interface FoldOutcome {
  readonly orthos: number;
  readonly shapes: ShapeCounts;
  readonly optimal: Optimal | null;
  readonly archive: WrittenArchive | null;
}

/**
 * Fold a corpus: every ortho counted, the best one found, and all of them in an archive if one is wanted.
 *
 * @throws FoldError `interrupted` after `signal`, with everything finished kept for the next run; `conflict` when another
 *   run is writing the archive, which was said to be shared; errors of the disk
 */
export async function foldCorpus(request: FoldRequest): Promise<FoldOutcome> {
  const { corpus, options, archive } = request;
  const index = PhraseIndex.build(corpus);
  const tasks = planTasks(index, corpus.words, options.max_dims ?? Infinity);
  const shard = options.shard ?? { number: 1, of: 1 };
  const numbers = tasksOfShard(tasks, shard.number, shard.of);
  const spill = spillOf(archive, numbers, tasks, options);
  const lock = archive === null || spill === null || !request.isShared ? null : await lockWork(spill, archive);
  try {
    const outcome = await foldTasks(request, index, tasks, numbers, spill);
    if (lock !== null) lock.remove();
    else if (spill !== null) removeFolder(spill);
    return outcome;
  } finally {
    lock?.release();
  }
}

/** Fold the tasks with these numbers. */
async function foldTasks(
  request: FoldRequest,
  index: PhraseIndex,
  tasks: readonly Task[],
  numbers: readonly number[],
  spill: string | null,
): Promise<FoldOutcome> {
  const spilled = spill === null ? new Map<number, SpilledChunk[]>() : findSpilled(request, spill);
  const run = new FoldRun(request, tasks, numbers, spilled, spill);
  try {
    request.onPlan?.({ tasks: numbers.length, resumed: run.resumedTasks });
    if (!(await walkAll(run, request, index, spill))) throw stopped(request.archive !== null);
    return run.finish();
  } finally {
    run.discard();
  }
}

/** Walk all open tasks of a run; false when it was stopped before the end. */
async function walkAll(run: FoldRun, request: FoldRequest, index: PhraseIndex, spill: string | null): Promise<boolean> {
  const { corpus, options, signal, keptThreads } = request;
  if (signal?.aborted) return false;
  const threads = keptThreads ?? new WalkThreads();
  const walk = startWalk(
    {
      arrays: index.arrays,
      words: corpus.words,
      maxDims: options.max_dims ?? Infinity,
      minVolume: options.min_volume,
      tasks: run.openTasks,
      writes: request.archive !== null,
      spill,
    },
    threads,
    Math.max(1, Math.min(request.threads, run.openTasks.length)),
    (done) => {
      if (done.spilled !== null) request.onPart?.(done.spilled.file);
      run.queue.put(done);
    },
  );
  run.runningOrthos = walk.runningOrthos;
  const stop = () => walk.stop();
  signal?.addEventListener("abort", stop);
  try {
    return await walk.finished;
  } finally {
    signal?.removeEventListener("abort", stop);
    if (keptThreads === undefined) threads.close();
  }
}

/**
 * Where the parts of a fold are kept until it is whole; null for none: without an archive, and where walking anew
 * takes less time than keeping parts. Of more than two dimensions the weight does not tell how long they take.
 */
function spillOf(
  archive: string | null,
  numbers: readonly number[],
  tasks: readonly Task[],
  { max_dims }: FoldOptions,
): string | null {
  if (archive === null) return null;
  const weight = numbers.reduce((sum, number) => sum + tasks[number].weight, 0);
  return max_dims === 2 && weight < SHORT_WEIGHT && !hasWork(archive) ? null : workFolder(archive);
}

function stopped(isKept: boolean): FoldError {
  const hint = isKept
    ? "run the same command again: it goes on from here"
    : "without an archive nothing is kept: the same command starts again";
  return new FoldError("interrupted", "stopped before the end", hint);
}

function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    throw fromSystemError(error, "remove the work folder", folder);
  }
}

/** Names everything that the finished parts of a fold depend on. */
export function foldKey({ corpus, options }: Pick<FoldRequest, "corpus" | "options">): string {
  const { fold, commit } = version;
  const sentences = sha256(encodeInterner(corpus));
  return JSON.stringify({ format: FORMAT_VERSION, fold, commit, options, sentences });
}

/** What an earlier run of the same fold has left. */
function findSpilled(request: FoldRequest, spill: string): Map<number, SpilledChunk[]> {
  const { isResumed } = openSpill(spill, foldKey(request), request.fresh);
  return isResumed ? spilledChunks(spill) : new Map();
}

/** The counts of a fold under way, and the archive that its chunks go to. */
class FoldRun {
  readonly queue: ChunkQueue;
  readonly openTasks: OpenTask[] = [];
  resumedTasks = 0;
  runningOrthos: () => number = () => 0;
  private readonly writer: ArchiveWriter | null;
  private readonly shapes: ShapeCounts = {};
  private orthos = 0;
  private best: Ortho | null = null;
  private weightDone = 0;
  private readonly weight: number;

  constructor(
    private readonly request: FoldRequest,
    tasks: readonly Task[],
    numbers: readonly number[],
    spilled: ReadonlyMap<number, SpilledChunk[]>,
    spill: string | null,
  ) {
    const { archive, corpus, durability } = request;
    // Among the parts, where there are any: what a run that was killed has left goes with them.
    const folder = spill ?? undefined;
    this.writer = archive === null ? null : new ArchiveWriter(archive, request, corpus, durability, folder);
    this.weight = numbers.reduce((sum, number) => sum + tasks[number].weight, 0);
    this.queue = new ChunkQueue(numbers, {
      onChunk: ({ orthos, shapes, optimal }) => {
        this.orthos += orthos;
        addShapes(this.shapes, shapes);
        this.best = betterOrtho(this.best, optimal);
        this.request.onProgress?.(() => this.progress());
      },
      onTaskDone: (number) => {
        this.weightDone += tasks[number].weight;
      },
      onNext: (head, bytes, frame) => this.writer?.addChunk(head, bytes, frame),
    });
    try {
      for (const number of numbers) this.open(number, tasks[number], spilled.get(number) ?? []);
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  private open(number: number, task: Task, parts: readonly SpilledChunk[]): void {
    for (const part of parts) this.queue.putSpilled(part);
    const last = parts.at(-1);
    if (last?.next === null) {
      this.resumedTasks++;
      return;
    }
    const { node, square } = last?.next ?? { node: task.from, square: 0 };
    this.openTasks.push({ ...task, number, node, square, part: parts.length });
  }

  progress(): FoldProgress {
    const share = this.weight === 0 ? 1 : this.weightDone / this.weight;
    return { share, orthos: this.orthos + this.runningOrthos(), best: this.best };
  }

  finish(): FoldOutcome {
    const { best, orthos, writer } = this;
    const archive = writer === null ? null : writer.finish();
    const optimal = best && {
      dims: best.dims,
      volume: volumeOf(best.dims),
      cells: cellsOf(best.dims),
      words: best.words,
    };
    return { orthos, shapes: sortShapes(this.shapes), optimal, archive };
  }

  discard(): void {
    this.writer?.discard();
  }
}
