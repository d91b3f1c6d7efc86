import { FoldError } from "../errors.ts";
import { startThread } from "../threads.ts";
import { errorOfThread } from "./walk-failure.ts";
import type { ChunkDone, WalkOrder, WalkReport } from "./walk-messages.ts";

/**
 * Threads that walk one order after another. A new thread compiles the walk anew, which takes longer than folding a
 * small text: whoever folds many keeps their threads.
 */
export class WalkThreads {
  private readonly idle: Worker[] = [];

  /**
   * One thread's part of a walk, from start to end.
   *
   * @returns true when no task is left, false when the walk was stopped
   * @throws FoldError when the thread failed, or `onChunk` did
   */
  async run(order: WalkOrder, onChunk: (done: ChunkDone) => void): Promise<boolean> {
    const thread = this.idle.pop() ?? startThread("jobs/walk-worker");
    thread.ref();
    try {
      const isDone = await follow(thread, order, onChunk);
      // What waits for work must not keep the program running.
      thread.unref();
      this.idle.push(thread);
      return isDone;
    } catch (error) {
      thread.terminate();
      throw error;
    }
  }

  /** End all threads that have nothing to do. */
  close(): void {
    for (const thread of this.idle.splice(0)) thread.terminate();
  }
}

function follow(thread: Worker, order: WalkOrder, onChunk: (done: ChunkDone) => void): Promise<boolean> {
  return new Promise<boolean>((resolve, reject) => {
    thread.onmessage = ({ data }: MessageEvent<WalkReport>) => {
      if (data.kind === "chunk") {
        try {
          onChunk(data);
        } catch (error) {
          reject(error);
        }
      } else if (data.kind === "failed") {
        reject(errorOfThread(data));
      } else {
        resolve(data.kind === "end");
      }
    };
    thread.onerror = (event) => {
      reject(new FoldError("failed", `a thread of the walk ended: ${event.message}`, "run the same command again"));
    };
    thread.postMessage(order);
  });
}
