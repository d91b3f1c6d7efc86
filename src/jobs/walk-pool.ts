import { type ChunkDone, CONTROL_STOP, type WalkOrder } from "./walk-messages.ts";
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

/** Walk the tasks of an order on `count` threads; `onChunk` gets the chunks in whatever order they are done. */
export function startWalk(
  order: SharedOrder,
  threads: WalkThreads,
  count: number,
  onChunk: (done: ChunkDone) => void,
): RunningWalk {
  const control = new Int32Array(new SharedArrayBuffer(8));
  const running = new Float64Array(new SharedArrayBuffer(8 * count));
  const stop = () => Atomics.store(control, CONTROL_STOP, 1);
  const run = (thread: number) =>
    threads.run({ ...order, control, running, thread }, onChunk).catch((error) => {
      stop();
      throw error;
    });
  const leader = run(0);
  const weight = order.tasks.reduce((sum, task) => sum + task.weight, 0);
  const start = weight < WEIGHT_FOR_ALL_THREADS ? outlasts(leader, JOIN_AFTER_MS) : Promise.resolve(true);
  // What made the leader fail is told by the leader.
  const join = (thread: number) => start.then((isWanted) => (isWanted ? run(thread) : leader.catch(() => false)));
  const ends = [leader, ...Array.from({ length: count - 1 }, (_, i) => join(i + 1))];
  const finished = Promise.allSettled(ends).then((results) => {
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return results.every((result) => result.status === "fulfilled" && result.value);
  });
  return { finished, stop, runningOrthos: () => running.reduce((sum, orthos) => sum + orthos, 0) };
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
