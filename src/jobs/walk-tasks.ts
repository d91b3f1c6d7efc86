import { encodeChunk } from "../archive/chunk.ts";
import { compressFrame } from "../archive/zstd.ts";
import { ChunkWalk, type WalkedChunk } from "../core/chunk-walk.ts";
import { PhraseIndex } from "../core/phrase-index.ts";
import type { OrthoIds } from "../core/tally.ts";
import { type SpilledChunk, spillChunk } from "./spill.ts";
import { type ChunkDone, CONTROL_NEXT, CONTROL_STOP, type OpenTask, type WalkOrder } from "./walk-messages.ts";

/** Code of one chunk, about: some seconds of work at most, and what a reader holds in memory. */
const CODE_LIMIT_BYTES = 4 << 20;

/** The clock is looked at once in so many polls, less one: of small squares they come faster than it can be read. */
const CLOCK_MASK = 15;

/** Thrown out of the walk when the run is to end. */
class Stopped extends Error {}

/** Called with each chunk as soon as it is walked. */
type OnChunk = (done: ChunkDone) => void;

/**
 * One thread's part of a walk: take the next task until none is left, walk it chunk by chunk, put each chunk into the
 * work folder and report it.
 *
 * @param until_ms by the monotonic clock: when to stop, done or not
 * @returns true when no task is left, false when the walk was stopped
 * @throws FoldError of the disk; whatever `onChunk` throws
 */
export function walkTasks(order: WalkOrder, onChunk: OnChunk, until_ms = Infinity): boolean {
  const { control, running, thread, tasks } = order;
  const index = new PhraseIndex(order.arrays);
  let polls = 0;
  const walk: ChunkWalk = new ChunkWalk(index, {
    maxDims: order.maxDims,
    minVolume: order.minVolume,
    writes: order.writes,
    words: order.words,
    codeLimit: CODE_LIMIT_BYTES,
    poll: () => {
      if (Atomics.load(control, CONTROL_STOP) === 1) throw new Stopped();
      if (until_ms < Infinity && (++polls & CLOCK_MASK) === 0 && performance.now() > until_ms) throw new Stopped();
      running[thread] = walk.orthos;
    },
  });
  try {
    for (;;) {
      const next = Atomics.add(control, CONTROL_NEXT, 1);
      if (next >= tasks.length) return true;
      walkTask(order, index, walk, tasks[next], onChunk);
    }
  } catch (error) {
    if (error instanceof Stopped) return false;
    throw error;
  }
}

function walkTask(order: WalkOrder, index: PhraseIndex, walk: ChunkWalk, task: OpenTask, onChunk: OnChunk): void {
  let place = { node: task.node, square: task.square };
  let part = task.part;
  for (let isLast = false; !isLast; part++) {
    if (Atomics.load(order.control, CONTROL_STOP) === 1) throw new Stopped();
    const walked = walk.next(task, place);
    isLast = walked.isLast;
    place = walked.end;
    const done = finish(order, index, task.number, part, walked);
    order.running[order.thread] = 0;
    onChunk(done);
  }
}

/** Encode, compress and spill what was walked. */
function finish(order: WalkOrder, index: PhraseIndex, task: number, part: number, walked: WalkedChunk): ChunkDone {
  const { words } = order;
  const optimal = walked.best === null ? null : spell(walked.best, words);
  const { node, square } = walked.start;
  const origin = originOf(index, node);
  const start = { origin: words[origin], second: words[index.word[node]], square };
  let bytes: Uint8Array | null = null;
  let frame: Uint8Array | null = null;
  if (walked.code !== null && optimal !== null) {
    const head = { orthos: walked.orthos, minVolume: order.minVolume, shapes: walked.shapes, optimal, start };
    // Copied to its exact size: the buffers are handed to the main thread.
    bytes = encodeChunk({ ...head, code: walked.code }).slice();
    frame = compressFrame(bytes).slice();
  }
  let spilled: SpilledChunk | null = null;
  if (order.spill !== null) {
    const next = walked.isLast ? null : walked.end;
    spilled = spillChunk(order.spill, { task, part, next, size: bytes?.length ?? 0 }, frame ?? new Uint8Array(0));
  }
  const { orthos, shapes, isLast } = walked;
  return { kind: "chunk", task, part, isLast, orthos, shapes, optimal, start, bytes, frame, spilled };
}

function spell({ dims, words: ids }: OrthoIds, words: readonly string[]) {
  return { dims, words: ids.map((id) => words[id]) };
}

/** The first word of the phrase of two words at a node. */
function originOf(index: PhraseIndex, node: number): number {
  return index.tokens[index.place[node]];
}
