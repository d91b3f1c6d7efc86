import { breathe } from "../store/files.ts";
import { type ChunkDone, CONTROL_NEXT, CONTROL_STOP, type WalkOrder } from "./walk-messages.ts";
import { walkTasks } from "./walk-tasks.ts";
import type { WalkThreads } from "./walk-threads.ts";

/** What all threads of a walk have in common. */
export type SharedOrder = Omit<WalkOrder, "control" | "running" | "thread">;

/** A walk under way on several threads. */
export interface RunningWalk {
  /** Settles when all threads have ended: true when all tasks are done, false when the walk was stopped. */
  readonly finished: Promise<boolean>;
  /** Ask all threads to stop soon. */
  stop(): void;
  /** Orthos of the chunks being walked, which no report has counted yet. */
  runningOrthos(): number;
}

/**
 * Every thread has the walk compiled anew, which takes a second core for most of a second: below this weight that
 * is more than a second thread gains. A walk of many dimensions may last all the same: then the others join it late.
 */
const WEIGHT_FOR_ALL_THREADS = 3_000_000;
const JOIN_AFTER_MS = 400;

/**
 * Below this weight a walk of two dimensions takes some hundredths of a second as a rule, and to hand it to a thread
 * takes as long: it is walked where it is started. Texts like tables have far more orthos than their weight tells, so
 * after a while it goes to the threads all the same.
 */
const WEIGHT_FOR_THREADS = 100_000;
const LONGEST_HERE_MS = 100;

/** Walk the tasks of an order on `count` threads; `onChunk` gets the chunks in whatever order they are done. */
export function startWalk(
  shared: SharedOrder,
  threads: WalkThreads,
  count: number,
  onChunk: (done: ChunkDone) => void,
): RunningWalk {
  const control = new Int32Array(new SharedArrayBuffer(8));
  const running = new Float64Array(new SharedArrayBuffer(8 * count));
  const order = { ...shared, control, running };
  const weight = order.tasks.reduce((sum, task) => sum + task.weight, 0);
  const isShort = order.maxDims === 2 && order.spill === null && weight < WEIGHT_FOR_THREADS;
  const finished = isShort
    ? walkHere(order, onChunk).then((isDone) => isDone || walkOnThreads(order, threads, count, weight, onChunk))
    : walkOnThreads(order, threads, count, weight, onChunk);
  const stop = () => stopWalk(control);
  return { finished, stop, runningOrthos: () => running.reduce((sum, orthos) => sum + orthos, 0) };
}

function stopWalk(control: Int32Array): void {
  Atomics.store(control, CONTROL_STOP, 1);
}

/** Walk all or nothing; false when it was stopped, or takes too long. */
async function walkHere(order: Omit<WalkOrder, "thread">, onChunk: (done: ChunkDone) => void): Promise<boolean> {
  // Whoever folds thousands of small texts hears a Ctrl-C between them.
  await breathe();
  const chunks: ChunkDone[] = [];
  const isDone = walkTasks({ ...order, thread: 0 }, (chunk) => chunks.push(chunk), performance.now() + LONGEST_HERE_MS);
  if (isDone) chunks.forEach(onChunk);
  else Atomics.store(order.control, CONTROL_NEXT, 0);
  return isDone;
}

async function walkOnThreads(
  order: Omit<WalkOrder, "thread">,
  threads: WalkThreads,
  count: number,
  weight: number,
  onChunk: (done: ChunkDone) => void,
): Promise<boolean> {
  const run = (thread: number) =>
    threads.run({ ...order, thread }, onChunk).catch((error) => {
      stopWalk(order.control);
      throw error;
    });
  const leader = run(0);
  const start = weight < WEIGHT_FOR_ALL_THREADS ? outlasts(leader, JOIN_AFTER_MS) : Promise.resolve(true);
  // What made the leader fail is told by the leader.
  const join = (thread: number) => start.then((isWanted) => (isWanted ? run(thread) : leader.catch(() => false)));
  const results = await Promise.allSettled([leader, ...Array.from({ length: count - 1 }, (_, i) => join(i + 1))]);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return results.every((result) => result.status === "fulfilled" && result.value);
}

/** Whether a thread is still running after some time; settles at once when it ends. */
function outlasts(thread: Promise<boolean>, time_ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), time_ms);
    const ended = () => {
      clearTimeout(timer);
      resolve(false);
    };
    thread.then(ended, ended);
  });
}
