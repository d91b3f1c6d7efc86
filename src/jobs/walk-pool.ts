import { FoldError, type FoldErrorCode } from "../errors.ts";
import { type ChunkDone, CONTROL_STOP, type WalkOrder, type WalkReport } from "./walk-messages.ts";

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

/** In the executable the worker is a file beside main; from the sources it is its own source. */
const workerUrl = new URL(Bun.isStandaloneExecutable ? "./jobs/walk-worker.js" : "./walk-worker.ts", import.meta.url);

/** Walk the tasks of an order on `threads` threads; `onChunk` gets the chunks in whatever order they are done. */
export function startWalk(order: SharedOrder, threads: number, onChunk: (done: ChunkDone) => void): RunningWalk {
  const control = new Int32Array(new SharedArrayBuffer(8));
  const running = new Float64Array(new SharedArrayBuffer(8 * threads));
  const stop = () => Atomics.store(control, CONTROL_STOP, 1);
  const ends = Array.from({ length: threads }, (_, thread) =>
    runThread({ ...order, control, running, thread }, onChunk).catch((error) => {
      stop();
      throw error;
    }),
  );
  const finished = Promise.allSettled(ends).then((results) => {
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return results.every((result) => result.status === "fulfilled" && result.value);
  });
  return { finished, stop, runningOrthos: () => running.reduce((sum, orthos) => sum + orthos, 0) };
}

/** One thread from start to end; resolves to false when it was stopped. */
function runThread(order: WalkOrder, onChunk: (done: ChunkDone) => void): Promise<boolean> {
  const worker = new Worker(workerUrl.href);
  return new Promise<boolean>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<WalkReport>) => {
      if (data.kind === "chunk") {
        try {
          onChunk(data);
        } catch (error) {
          reject(error);
        }
      } else if (data.kind === "failed") {
        reject(new FoldError(data.code as FoldErrorCode, data.message, data.hint));
      } else {
        resolve(data.kind === "end");
      }
    };
    worker.onerror = (event) => {
      reject(new FoldError("failed", `a thread of the walk ended: ${event.message}`, "run the same command again"));
    };
    worker.postMessage(order);
  }).finally(() => worker.terminate());
}
